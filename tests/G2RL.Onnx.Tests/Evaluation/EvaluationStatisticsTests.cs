using System.Text.Json;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class EvaluationStatisticsTests
{
    [TestMethod]
    public void Estimate_GoldenCases_AreUnbiased()
    {
        using var golden =
            JsonDocument.Parse(File.ReadAllBytes(SharedFolder.InRepository("tests", "fixtures", "golden", "pass_at_k.json")));
        var count = 0;
        foreach (var c in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            int In(string name) => c.GetProperty("inputs").GetProperty(name).GetInt32();
            Assert.AreEqual(
                c.GetProperty("expected").GetProperty("unbiased").GetDouble(),
                PassAtK.Estimate(In("n"), In("c"), In("k")),
                1e-12,
                c.GetProperty("id").GetString());
            count++;
        }
        Assert.IsGreaterThan(100, count);
    }

    [TestMethod]
    // 1 - C(3,2)/C(5,2) = 7/10; 1 - C(1,1)/C(4,1) = 3/4; fewer wrong ones than tries; none right.
    [DataRow(5, 2, 2, 0.7)]
    [DataRow(4, 3, 1, 0.75)]
    [DataRow(4, 3, 2, 1.0)]
    [DataRow(4, 2, 2, 1 - (1 / 6.0))]
    [DataRow(4, 0, 4, 0.0)]
    [DataRow(4, 4, 4, 1.0)]
    public void Estimate_ByHand(int n, int c, int k, double expected) => Assert.AreEqual(expected, PassAtK.Estimate(n, c, k), 1e-12);

    [TestMethod]
    [DataRow(0, 0, 1)]
    [DataRow(4, 5, 1)]
    [DataRow(4, -1, 1)]
    [DataRow(4, 2, 0)]
    [DataRow(4, 2, 5)]
    public void Estimate_ImpossibleNumbers_AreRefused(int n, int c, int k) =>
        Assert.ThrowsExactly<ArgumentException>(() => PassAtK.Estimate(n, c, k));

    [TestMethod]
    [DataRow(new[] { "a", "b", "b" }, 1)]
    [DataRow(new[] { "a", "b", "b", "a" }, 0)]
    [DataRow(new[] { "b", "a", "a", "b" }, 0)]
    [DataRow(new[] { "a", "b", "c", "c", "b" }, 1)]
    [DataRow(new[] { null, null, null, "x" }, 3)]
    [DataRow(new string?[] { null, null }, -1)]
    [DataRow(new string?[0], -1)]
    public void Majority_Votes_GoToTheMostFrequentThenTheFirst(string?[] answers, int expected) =>
        Assert.AreEqual(expected, PassAtK.Majority(answers));

    [TestMethod]
    public void OfMean_ThreeSeeds_IsStudentsInterval()
    {
        // mean 2, s = 1, t(.975, 2) = 4.302653: half width 4.302653 / sqrt 3 = 2.484138.
        var interval = Interval.OfMean([1, 2, 3]);
        Assert.AreEqual((2, -0.484138, 4.484138), (interval.Mean, Math.Round(interval.Low, 6), Math.Round(interval.High, 6)));
        Assert.ThrowsExactly<ArgumentException>(() => Interval.OfMean([]));
    }

    [TestMethod]
    public void Bootstrap_ManyProblems_AgreesWithTheNormalIntervalAndWithItself()
    {
        var values = Enumerable.Range(0, 400).Select(i => Seeds.Uniform(3, 0, 0, 0, i) < 0.3 ? 1.0 : 0.0).ToArray();
        var interval = Interval.Bootstrap(values, seed: 5);
        Assert.AreEqual(interval, Interval.Bootstrap(values, seed: 5));
        Assert.AreNotEqual(interval, Interval.Bootstrap(values, seed: 6));
        var p = values.Average();
        var half = 1.959964 * Math.Sqrt(p * (1 - p) / 400);
        // A percentile of 10,000 resamples has a standard error of about 0.02 half widths; and the mean moves in steps of 1/400.
        Assert.AreEqual(p - half, interval.Low, (0.1 * half) + 0.0025);
        Assert.AreEqual(p + half, interval.High, (0.1 * half) + 0.0025);
        Assert.AreEqual(p, interval.Mean, 1e-12);
    }

    [TestMethod]
    public void Bootstrap_OneOrNoOrBadValues_AreHandled()
    {
        Assert.AreEqual(new Interval(0.5, 0.5, 0.5), Interval.Bootstrap([0.5]));
        Assert.ThrowsExactly<ArgumentException>(() => Interval.Bootstrap([]));
        Assert.ThrowsExactly<ArgumentException>(() => Interval.Bootstrap([1, double.NaN]));
        Assert.AreEqual(new Interval(2, 2, 2), Interval.Bootstrap([2, 2, 2]));
    }

    [TestMethod]
    // Warm-up 4: 1/4, 2/4, 3/4, 4/4; then 6 more steps, the course running over steps 4 .. 9.
    [DataRow(ScheduleKind.Constant, 0.0, new[] { 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1, 1 })]
    [DataRow(ScheduleKind.Linear, 0.0, new[] { 0.25, 0.5, 0.75, 1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0 })]
    [DataRow(ScheduleKind.Linear, 0.5, new[] { 0.25, 0.5, 0.75, 1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.5 })]
    // (1 + cos(pi s/5)) / 2: .904508, .654508, .345492, .095492.
    [DataRow(ScheduleKind.Cosine, 0.0, new[] { 0.25, 0.5, 0.75, 1, 1, 0.904508, 0.654508, 0.345492, 0.095492, 0, 0 })]
    public void LearningRate_TenSteps_FollowsTheCourseByHand(ScheduleKind kind, double final, double[] expected)
    {
        var settings = new ScheduleSettings { Kind = kind, WarmupSteps = 4, FinalFraction = final };
        for (var step = 0; step < expected.Length; step++)
            Assert.AreEqual(2 * expected[step], Schedules.LearningRate(settings, 2, step, 10), 2e-6, $"step {step}");
    }

    [TestMethod]
    public void LearningRate_DegenerateRuns_StayFinite()
    {
        foreach (var kind in Enum.GetValues<ScheduleKind>())
            foreach (var (warmup, total) in new[] { (0, 1), (1, 1), (5, 3), (2, 3) })
                for (var step = 0; step < 6; step++)
                    Assert.IsTrue(Schedules.LearningRate(new() { Kind = kind, WarmupSteps = warmup }, 1, step, total) is >= 0 and <= 1);
    }
}
