using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>What a step tells of its phases, number by number.</summary>
[TestClass]
public sealed class StepReportTests
{
    // Ratios of trainer to sampler: 4 and 1/2 in the first response, 1 in the second, by the definitions.
    [TestMethod]
    public void Corrections_Always_TellHowFarSamplerAndTrainerAre()
    {
        Sample[] samples = [AlgorithmSettingTests.Made([4, 0.5]), AlgorithmSettingTests.Made([1])];
        var metrics = new StepMetrics(1);
        RolloutCorrections.Apply(samples, [[1, 1], [1]], new() { Weights = CorrectionKind.Tis, High = 3 }, metrics);
        double[] d = [Math.Log(4), Math.Log(0.5), 0];
        var expected = new Dictionary<string, double>
        {
            ["mismatch/kl_nats"] = -d.Average(),
            ["mismatch/k3_nats"] = d.Average(x => Math.Exp(x) - x - 1),
            ["mismatch/perplexity_ratio"] = (Math.Exp(-(d[0] + d[1]) / 2) + 1) / 2,
            ["mismatch/chi_square_token"] = d.Average(x => Math.Exp(2 * x)) - 1,
            ["mismatch/chi_square_sequence"] = ((4 + 1) / 2.0) - 1,
            ["correction/weight_mean"] = (3 + 0.5 + 1) / 3,
        };
        CollectionAssert.AreEquivalent(expected.Keys, metrics.Values.Keys.ToArray());
        foreach (var (name, value) in expected)
            Assert.AreEqual(value, metrics.Values[name], 1e-6, name);
        // Off, or nothing to correct.
        var none = new StepMetrics(1);
        RolloutCorrections.Apply(samples, [[1, 1], [1]], new(), none);
        RolloutCorrections.Apply([], [], new() { Weights = CorrectionKind.Tis }, none);
        Assert.IsEmpty(none.Values);
    }

    // Of four completions of a text each: the checker judges all but the second, the other reward fails, abstains or is late.
    [TestMethod]
    public void Rewards_Several_AreToldApart()
    {
        var set = new FunctionProblemSet("texts", [new Problem("p", "", "")], [], (_, t) => t == "b"
            ? Outcome.Failed("no")
            : Outcome.Judged(t == "a"));
        var config = new RunConfig
        {
            Rewards =
            [
                new CheckerConfig { MaxFailedShare = 1 },
                new FunctionConfig { Function = "own", Label = "own", MaxFailedShare = 1, Weight = 2 },
            ],
            Sampling = new() { GroupSize = 4 },
        };
        var own = new Dictionary<string, RewardFunction>
        {
            ["own"] = c => c.Text switch
            {
                "a" => Outcome.Scored(3),
                "b" => Outcome.Scored(5),
                "c" => Outcome.Abstained("nothing to say"),
                _ => Outcome.TimedOut("late"),
            },
        };
        var (events, step) = (new TrainingEvents(), new Step(4));
        using var rewards = new RewardSet(config.Rewards, set, 8, own);
        var drawing = new Drawing(new FakeSource((_, _, sample) => "abcd"[sample..(sample + 1)]), _ => [1], config, features: null, events);
        var judging = new Judging(rewards, drawing, set, config, events);
        var (groups, _) = judging.Run(step, [.. set.Training!], drawing.Run(step, [.. set.Training!]));
        var told = step.Metrics.Values.Where(v => v.Key.StartsWith("rewards/", StringComparison.Ordinal))
            .ToDictionary(v => v.Key, v => v.Value);
        var expected = new Dictionary<string, double>
        {
            ["rewards/checker_mean"] = (1.0 - 1 - 1) / 3,
            ["rewards/checker_abstain_count"] = 0,
            ["rewards/checker_error_count"] = 1,
            ["rewards/checker_timeout_count"] = 0,
            ["rewards/own_mean"] = 4,
            ["rewards/own_abstain_count"] = 1,
            ["rewards/own_error_count"] = 0,
            ["rewards/own_timeout_count"] = 1,
        };
        CollectionAssert.AreEquivalent(expected.Keys, told.Keys);
        foreach (var (name, value) in expected)
            Assert.AreEqual(value, told[name], 1e-12, name);
        Assert.IsNotNull(groups[0].Parts);
        Assert.IsNull(judging.Begin(step, [.. set.Training!]), "nobody elsewhere computes them");
    }

    [TestMethod]
    public void Rewards_NoneJudged_HaveNoMean()
    {
        var set = new FunctionProblemSet("texts", [new Problem("p", "", "")], [], (_, _) => Outcome.Judged(true));
        var config = new RunConfig { Rewards = [new FunctionConfig { Function = "own", Label = "own", MaxFailedShare = 1 }] };
        using var rewards = new RewardSet(
            config.Rewards, set, 8, new Dictionary<string, RewardFunction> { ["own"] = _ => Outcome.Failed("no") });
        var (events, step) = (new TrainingEvents(), new Step(4));
        var source = new FakeSource((_, _, _) => "x");
        var drawing = new Drawing(source, _ => [1], config, features: null, events);
        var judging = new Judging(rewards, drawing, set, config, events);
        var groups = judging.Score(step, [.. set.Training!], drawing.Run(step, [.. set.Training!]), step.Metrics);
        Assert.IsFalse(step.Metrics.Values.ContainsKey("rewards/own_mean"));
        Assert.AreEqual(config.Sampling.GroupSize, step.Metrics.Values["rewards/own_error_count"]);
        // And of greedy responses.
        var phases = new List<string>();
        using var greedy = new GreedyBaseline(
            source, _ => [1], judging, new() { Progress = (phase, done, of) => phases.Add($"{phase} {done}/{of}") });
        greedy.Run(step, groups);
        Assert.IsTrue(double.IsNaN(groups[0].Baseline!.Value));
        Assert.IsFalse(step.Metrics.Values.ContainsKey("reward/greedy_mean"));
        CollectionAssert.AreEqual(new[] { "greedy 1/1" }, phases);
        Assert.AreEqual(source.Plan.CacheBytes, greedy.CacheBytes);
        Assert.AreEqual(1, source.Requests[^1].Samples);
    }
}
