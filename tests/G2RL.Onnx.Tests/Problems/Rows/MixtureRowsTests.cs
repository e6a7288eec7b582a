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
        Assert.AreEqual(Outcome.Failed("problem 'c/1' belongs to no source of the mixture"), mixture.Judge(other, "5", true));
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

    // Two problems of three sources of equal weight: each is a leftover, and asked of some source by a number of its own.
    [TestMethod]
    public void Batch_Leftovers_AreDrawnByWeightAndCountedOn()
    {
        var sets = new[] { "a", "b", "c" }.ToDictionary(name => name, name => new MadeUpProblems(name));
        var mixture = new Mixture(new() { Sources = [.. sets.Keys.Select(name => new MixtureSource { Set = name })] }, s => sets[s.Set]);
        for (var step = 0; step < 5; step++)
            Assert.HasCount(2, mixture.Batch(step, 2, 1));
        CollectionAssert.AreEqual(
            Enumerable.Range(0, 10).ToArray(), sets.Values.SelectMany(set => set.Asked).Select(a => a.Step).Order().ToArray());
        for (var step = 5; step < 300; step++)
            _ = mixture.Batch(step, 2, 1);
        // Binomial: 200 of 600, sd 12.
        foreach (var set in sets.Values)
            Assert.AreEqual(200.0, set.Asked.Count, 50.0, set.Name);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => mixture.Batch(-1, 0, 1));
    }

    [TestMethod]
    public void Batch_OfOneSource_IsItsBatchesOfOneInAnyOrder()
    {
        var set = Of("a", 32);
        var mixture = new Mixture(new() { Sources = [new() { Set = "a" }] }, _ => set);
        CollectionAssert.AreEquivalent(
            Enumerable.Range(0, 3).Select(k => "a/" + set.Batch(k, 1, 5)[0].Id).ToArray(),
            mixture.Batch(0, 3, 5).Select(p => p.Id).ToArray());
        Assert.HasCount(32, Enumerable.Range(0, 4).SelectMany(step => mixture.Batch(step, 8, 1)).Distinct(), "an epoch");
    }

    // Three do not divide eight: borders of epochs lie within batches, and with this seed seven batches would bring a problem twice.
    [TestMethod]
    public void Batch_WithABorderOfAnEpochWithin_HasNoProblemTwice()
    {
        var mixture = new Mixture(new() { Sources = [new() { Set = "a" }] }, _ => Of("a", 8));
        for (var step = 0; step < 50; step++)
            Assert.HasCount(3, mixture.Batch(step, 3, 2).Distinct(), $"step {step}");
    }

    [TestMethod]
    public void Training_WhereASourceMakesItsProblemsUp_IsNoList()
    {
        Assert.IsNull(new Mixture(
            new() { Sources = [new() { Set = "a" }, new() { Set = "b" }] },
            source => source.Set == "a" ? Of("a", 3) : new MadeUpProblems("b")).Training);
        Assert.HasCount(7, new Mixture(
            new() { Sources = [new() { Set = "a" }, new() { Set = "b" }] },
            source => Of(source.Set, source.Set == "a" ? 3 : 4)).Training!);
    }

    [TestMethod]
    public void Mixture_ProblemsTrainedOnAndHeldOutElsewhere_NamesTheFirstFive()
    {
        var training = Of("q", 7);
        var heldOut = new FunctionProblemSet(
            "h", [new("t", "other", "")], [.. training.Training.Select(p => p with { Id = "h" + p.Id })], (_, _) => Outcome.Judged(true));
        Assert.AreEqual(
            "7 training problems of the mixture are held out in another source (x/0 = y/h0, x/1 = y/h1, x/2 = y/h2, x/3 = y/h3, "
                + "x/4 = y/h4); training on them would spoil the evaluation. Remove them from one side.",
            Assert.ThrowsExactly<InputException>(() => new Mixture(
                new() { Sources = [new() { Set = "x" }, new() { Set = "y" }] }, s => s.Set == "x" ? training : heldOut)).Message);
    }

    // 0.7 * 90 is a little less than 63 in doubles: all 63 are one epoch nevertheless.
    [TestMethod]
    public void Mixture_WeightsThatComeOutEven_GiveWholeEpochs()
    {
        var mixture = new Mixture(
            new() { Sources = [new() { Set = "a", Weight = 7 }, new() { Set = "b", Weight = 3 }] },
            source => Of(source.Set, source.Set == "a" ? 63 : 27));
        for (var step = 0; step < 5; step++)
            Assert.HasCount(90, mixture.Batch(step, 90, 1).Distinct());
    }

    private static FunctionProblemSet Of(string name, int count) =>
        new(
            name,
            [.. Enumerable.Range(0, count).Select(i => new Problem($"{i}", $"{name}{i}", ""))],
            [],
            (_, _) => Outcome.Judged(true));
}
