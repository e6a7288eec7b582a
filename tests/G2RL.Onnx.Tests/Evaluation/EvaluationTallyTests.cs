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
        var result = EvaluationTally.Of(set, problems, drawn, repeats: 1, step: 7, seconds: 1);
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
}
