using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Mixtures;

namespace G2RL.Onnx.Tests;

/// <summary>Problems of several sources.</summary>
[TestClass]
public sealed class MixtureRowsTests : RowFiles
{
    [TestMethod]
    public void Mixture_Sources_AnswerForTheirOwn()
    {
        string Rows(string name, int count) =>
            Write(name, [.. Enumerable.Range(0, count).Select(i => $$"""{"prompt": "{{name}}{{i}}", "answer": "5"}""")]);
        var sets = new Dictionary<string, IProblemSet>
        {
            ["a"] = new FileProblems(
                new() { Train = Rows("ta", 6), HeldOut = Rows("ha", 3), Match = AnswerMatch.Numeric, TrainRows = [7] }, "a"),
            ["b"] = new FileProblems(new() { Train = Rows("tb", 6), HeldOut = Rows("hb", 1) }, "b"),
        };
        var mixture = new Mixture(
            new() { Sources = [new() { Set = "a", Weight = 2 }, new() { Set = "x", Name = "b", Weight = 1 }] },
            source => sets[source.Label]);
        CollectionAssert.AreEqual(new[] { "a/ha:1", "b/hb:1", "a/ha:2", "a/ha:3" }, mixture.HeldOut(9).Select(p => p.Id).ToArray());
        CollectionAssert.AreEqual(new[] { "a/ha:1", "b/hb:1", "a/ha:2" }, mixture.HeldOut(3).Select(p => p.Id).ToArray());
        Assert.AreEqual(12, mixture.Training!.Count);
        Assert.AreEqual("a/ta:1", mixture.Training[0].Id);
        StringAssert.StartsWith(mixture.Notes.Single(), "a: ");
        var (inA, inB, other) = (mixture.HeldOut(1)[0], mixture.HeldOut(2)[1], new Problem("c/1", "", ""));
        Assert.AreEqual((1.0, -1.0), (mixture.Judge(inA, "5.0", true).Score, mixture.Judge(inB, "5.0", true).Score));
        Assert.AreEqual(OutcomeKind.Error, mixture.Judge(other, "5", true).Kind);
        Assert.AreEqual(("5", "5", (string?)null), (mixture.AnswerOf(inA, "5"), mixture.AnswerOf(inB, "5"), mixture.AnswerOf(other, "5")));
        Assert.AreEqual(("5", " 5"), (mixture.Spelling(inB, " 5"), mixture.Spelling(other, " 5")));
        Assert.AreEqual((true, false), (mixture.IsSameAnswer(inA, "5", "5.0"), mixture.IsSameAnswer(inB, "5", "5.0")));
        Assert.AreEqual((true, false), (mixture.IsSameAnswer(other, "5", "5"), mixture.IsSameAnswer(other, "5", "5.0")));
        // Two thirds of nine are of "a", and six of its six are all of them.
        var batch = mixture.Batch(0, 9, 1);
        Assert.AreEqual((6, 9), (batch.Count(p => p.Id.StartsWith("a/")), batch.Distinct().Count()));
        Assert.AreEqual(11, mixture.Without(new HashSet<Problem> { mixture.Training[0] }).Training!.Count);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => mixture.Batch(-1, 1, 1));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => mixture.Batch(0, -1, 1));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => mixture.HeldOut(-1));
    }

    // 0.7 * 90 is a little less than 63 in doubles: all 63 are one epoch nevertheless.
    [TestMethod]
    public void Mixture_WeightsThatComeOutEven_GiveWholeEpochs()
    {
        static FunctionProblemSet Of(string name, int count) =>
            new(
                name,
                [.. Enumerable.Range(0, count).Select(i => new Problem($"{i}", $"{name}{i}", ""))],
                [],
                (_, _) => Outcome.Judged(true));
        var mixture = new Mixture(
            new() { Sources = [new() { Set = "a", Weight = 7 }, new() { Set = "b", Weight = 3 }] },
            source => Of(source.Set, source.Set == "a" ? 63 : 27));
        for (var step = 0; step < 5; step++)
            Assert.HasCount(90, mixture.Batch(step, 90, 1).Distinct());
    }
}
