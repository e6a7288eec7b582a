using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class EvaluationTallyTests
{
    [TestMethod]
    public void Of_TwoProblems_IsByHand()
    {
        Problem[] problems = [new("a", "a", "1"), new("b", "b", "2")];
        var set = new FunctionProblemSet(
            "fixture",
            [new("t", "t", "0")],
            problems,
            (p, c) => c == "?" ? Outcome.Failed("no") : Outcome.Judged(c == p.Answer, c.Length > 0));
        Completion[][] drawn =
        [
            [new("1", 2, true), new("1", 4, true), new("3", 6, true), new("", 8, false)],
            [new("9", 2, true), new("9", 2, true), new("2", 2, true), new("?", 2, true)],
        ];
        var judged = new List<(int, int)>();
        var result =
            EvaluationTally.Of(set, problems, drawn, repeats: 1, step: 7, seconds: 1, (done, of) => judged.Add((done, of)));
        CollectionAssert.AreEqual(new[] { (0, 2), (1, 2) }, judged);
        CollectionAssert.AreEqual(new double?[] { 0.5, 1 / 3.0 }, result.ByProblem.ToArray());
        Assert.AreEqual("[0.5,0.3333333333333333]", result.ToJson()["pass@1_by_problem"]!.ToJsonString());
        // Rates 2/4 and 1/3: the failed sample is in no share.
        Assert.AreEqual((0.5 + (1 / 3.0)) / 2, result.PassAt1.Mean, 1e-12);
        Assert.AreEqual((7, 2, 4, 1), (result.Step, result.Problems, result.Samples, result.Failures));
        Assert.AreEqual(1, result.PassAtN);
        // "1" wins with 2 of 4; "9" with 2 of 3.
        Assert.AreEqual(0.5, result.MajorityAtN);
        // pass@2: 1 - C(2,2)/C(4,2) = 5/6, and 1 - C(2,2)/C(3,2) = 2/3.
        Assert.AreEqual(((5 / 6.0) + (2 / 3.0)) / 2, result.PassAtK[1], 1e-12);
        Assert.AreEqual(6 / 7.0, result.WellFormed, 1e-12);
        Assert.AreEqual(1 / 8.0, result.Truncated);
        Assert.AreEqual(28 / 8.0, result.ResponseLength);
        Assert.IsTrue(result.PassAt1.Low >= 1 / 3.0 && result.PassAt1.High <= 0.5);
        var row = result.ToJson();
        Assert.AreEqual(result.PassAt1.Mean, (double)row["pass@1"]!);
        Assert.AreEqual(4, row["pass@k"]!.AsArray().Count);
        Assert.AreEqual(result.MajorityAtN, EvaluationResult.FromJson(row).MajorityAtN);
    }

    [TestMethod]
    public void Of_Repeats_HaveAMeanAndADeviation()
    {
        Problem[] problems = [new("a", "a", "1")];
        var set = new FunctionProblemSet("fixture", [new("t", "t", "0")], problems, (p, c) => Outcome.Judged(c == p.Answer));
        var result = EvaluationTally.Of(
            set,
            problems,
            [[new("1", null, true), new("1", null, true), new("0", null, true), new("1", null, true)]],
            repeats: 2,
            step: 0,
            seconds: 0);
        Assert.AreEqual((2, 2, 0.75), (result.Samples, result.Repeats, result.PassAt1.Mean));
        // Rates 1 and 1/2: sd .3535...
        Assert.AreEqual(Math.Sqrt(0.125), result.RepeatDeviation, 1e-12);
        Assert.IsFalse(result.ToJson().ContainsKey("response_length"));
    }

    [TestMethod]
    public void Of_AnswerThatManyGive_OutvotesOneThatIsRight()
    {
        // "9" has three votes against one: counted once each, the right answer would tie with it.
        var result = EvaluationTally.Of(Judge("1"), [new("a", "a", "1")], [Texts("9", "9", "1", "9")], repeats: 1, step: 0, seconds: 0);
        Assert.AreEqual(0, result.MajorityAtN);
        // One of four; two of four (9, 9: 3 of 6 pairs; 9, 1: 3 of 6, the chance of either); all.
        Assert.AreEqual("1:0.25 2:0.25 4:0", string.Join(' ', result.MajorityAtK.Select(m => $"{m.Key}:{m.Value:0.####}")));
    }

    [TestMethod]
    public void Of_TwoRightAnswersOfProblems_AreCountedByProblem()
    {
        // One solved, one not; well-formed and right is one of three well-formed ones.
        var result = EvaluationTally.Of(
            Judge("1"),
            [new("a", "a", "1"), new("b", "b", "1")],
            [[new("1", 3, true), new("", null, false)], [new("2", 5, false), new("3", 4, false)]],
            repeats: 1,
            step: 0,
            seconds: 2.5);
        Assert.AreEqual((0.5, 0.25, 2.5), (result.PassAtN, result.PassAt1.Mean, result.Seconds));
        Assert.AreEqual(1 / 3.0, result.PassAt1WellFormed, 1e-12);
        Assert.AreEqual((0.75, 0.75), (result.WellFormed, result.Truncated));
        Assert.IsTrue(double.IsNaN(result.ResponseLength), "the tokens of one are not known");
        Assert.AreEqual(0, result.RepeatDeviation);
        Assert.AreEqual(
            (0.5, 0.0, 1.0),
            (result.PassAtNInterval!.Value.Mean, result.PassAtNInterval.Value.Low, result.PassAtNInterval.Value.High));
        CollectionAssert.AreEqual(new[] { 1, 2 }, result.MajorityAtK.Keys.ToArray());
    }

    [TestMethod]
    public void Of_NothingWellFormed_HasNoRightOnesAmongThem()
    {
        var result = EvaluationTally.Of(Judge("1"), [new("a", "a", "1")], [Texts("", "")], repeats: 1, step: 0, seconds: 0);
        Assert.AreEqual((0.0, 0.0), (result.WellFormed, result.PassAt1WellFormed));
        Assert.AreEqual(0, result.PassAtN);
    }

    [TestMethod]
    public void Of_ProblemOfWhichNothingCouldBeJudged_IsLeftOut()
    {
        Problem[] two = [new("a", "a", "1"), new("b", "b", "1")];
        var result = EvaluationTally.Of(Judge("1"), two, [Texts("?", "?"), Texts("1", "?")], repeats: 2, step: 0, seconds: 0);
        Assert.AreEqual((1, 3, 1.0), (result.Problems, result.Failures, result.PassAt1.Mean));
        // The second repeat judged nothing: one mean, no deviation.
        Assert.AreEqual(0, result.RepeatDeviation);
        var message = Assert.ThrowsExactly<InputException>(() =>
            EvaluationTally.Of(Judge("1"), two, [Texts("?"), Texts("?")], repeats: 1, step: 0, seconds: 0)).Message;
        StringAssert.Contains(message, "No sample of 2 held-out problems could be judged (2 failures).");
    }

    [TestMethod]
    public void Of_ProblemsWithFewerSamples_ReachAsFarAsTheyCan()
    {
        // 5 and 3 samples: pass@4 and @5 are of the first alone, maj@k at 1, 2, 4 and 5.
        var result = EvaluationTally.Of(
            Judge("1"),
            [new("a", "a", "1"), new("b", "b", "1")],
            [Texts("1", "1", "1", "1", "0"), Texts("0", "0", "0")],
            repeats: 1,
            step: 0,
            seconds: 0);
        Assert.AreEqual((5, 5), (result.Samples, result.PassAtK.Count));
        CollectionAssert.AreEqual(new[] { 0.4, 0.5, 0.5, 1, 1 }, result.PassAtK.ToArray());
        Assert.AreEqual("1:0.4 2:0.4 4:1 5:1", string.Join(' ', result.MajorityAtK.Select(m => $"{m.Key}:{m.Value:0.####}")));
        // What problems share: C(4,2) + 4 of 10 pairs have a right majority or a tie: .6 + .2 = .8, and 0: .4.
    }

    [TestMethod]
    public void Of_MoreSamplesThanSubsetsCanBeCounted_HasTheMajorityOfAllAlone()
    {
        var many = Enumerable.Range(0, Votes.MostSamples + 1).Select(i => i < 10 ? "0" : "1").ToArray();
        var result = EvaluationTally.Of(Judge("1"), [new("a", "a", "1")], [Texts(many)], repeats: 1, step: 0, seconds: 0);
        CollectionAssert.AreEqual(new[] { many.Length }, result.MajorityAtK.Keys.ToArray());
        result = EvaluationTally.Of(Judge("1"), [new("a", "a", "1")], [Texts(many[1..])], repeats: 1, step: 0, seconds: 0);
        Assert.AreEqual(10, result.MajorityAtK.Count);
    }

    // "?" cannot be judged, "" is not well formed.
    private static FunctionProblemSet Judge(string right) => new(
        "fixture",
        [new("t", "t", "0")],
        [new("a", "a", "1"), new("b", "b", "1")],
        (_, c) => c == "?" ? Outcome.Failed("no") : Outcome.Judged(c == right, c.Length > 0));

    private static Completion[] Texts(params string[] texts) => [.. texts.Select(t => new Completion(t, 1, true))];
}
