using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Tests.Runs;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>What an evaluation says beside its numbers, scores of exactly 0, and evaluations within a training.</summary>
[TestClass]
public sealed class EvaluationBorderTests
{
    private static readonly EvaluationResult Sound = new(7, 30, 4, new(0.5, 0.4, 0.6), 0.75, 0.25, 0.875, 0.625, 12.5, 0.125, 3, 1.5);

    [TestMethod]
    [DataRow(0.9, 0.5, 0.5, null)]
    [DataRow(0.9, 0.5, 0.6, "60% of the samples were cut off: the numbers are of what was finished. Raise sampling.maxNewTokens.")]
    [DataRow(0.0, 0.0, 0.5, "No sample is well-formed, so pass@1 says nothing. Look at the rollouts, and at how answers are found.")]
    [DataRow(0.0, 0.0, 0.6, "No sample is well-formed, so pass@1 says nothing: 60% were cut off. Raise sampling.maxNewTokens.")]
    [DataRow(0.0, 0.1, 0.5, null)] // right without a form
    [DataRow(0.1, 0.0, 0.5, null)]
    public void Doubt_OfNumbers_IsASentence(double wellFormed, double right, double truncated, string? doubt)
    {
        var result = Sound with { WellFormed = wellFormed, PassAt1 = new(right, right, right), Truncated = truncated };
        Assert.AreEqual(doubt, result.Doubt?.Replace(" %", "%", StringComparison.Ordinal));
        Assert.AreEqual(doubt?.StartsWith("No sample", StringComparison.Ordinal) ?? false, result.SaysNothing);
    }

    [TestMethod]
    public void ToJson_Rewards_AreNumbersByLabel()
    {
        var row = (Sound with { Rewards = new Dictionary<string, double> { ["checker"] = 0.5, ["judge"] = -1 } }).ToJson();
        Assert.AreEqual((0.5, -1d), ((double)row["rewards/checker_mean"]!, (double)row["rewards/judge_mean"]!));
    }

    [TestMethod]
    public void Of_ScoreOfZero_IsWrong()
    {
        Problem[] problems = [new("a", "a", "1")];
        var set = new FunctionProblemSet("fixture", [new("t", "t", "0")], problems, (_, c) => Outcome.Scored(c == "1" ? 1 : 0));
        var result = EvaluationTally.Of(set, problems, [[new("1", 1, true), new("2", 1, true)]], repeats: 1, step: 0, seconds: 0);
        Assert.AreEqual((0.5, 0.5), (result.PassAt1.Mean, result.PassAt1WellFormed));
        using var scratch = new Scratch();
        var path = Path.Combine(scratch.Path, "samples.jsonl");
        using (var log = SampleLog.Open(path, new() { ["samples_of"] = "x" }, [("x", "a", 2)]))
            log.Append("x", set, problems[0], [new("1", 1, true), new("2", 1, true)]);
        CollectionAssert.AreEqual(
            (string[])["right", "wrong"], File.ReadLines(path).Skip(1).Select(l => (string)JsonNode.Parse(l)!["outcome"]!).ToArray());
    }

    [TestMethod]
    public void SampleLog_FileThatBeginsWithAnEmptyLine_IsSomethingElse()
    {
        using var scratch = new Scratch();
        var path = Path.Combine(scratch.Path, "samples.jsonl");
        File.WriteAllText(path, "\nmine\n");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => SampleLog.Open(path, new() { ["samples_of"] = "x" }, [])).Message,
            "holds something else");
        Assert.AreEqual("\nmine\n", File.ReadAllText(path));
    }

    [TestMethod]
    public void Majority_NobodyVotes_IsNeverRight()
    {
        var silent = Votes.Of([(null, false), (null, false)], a => a, (_, _) => true);
        Assert.AreEqual(0, silent.Majority(1));
        var many = Votes.Of([.. Enumerable.Repeat(((string?)"a", true), Votes.MostSamples + 1)], a => a, (_, _) => true);
        Assert.AreEqual(1, many.Majority(Votes.MostSamples + 1));
        StringAssert.StartsWith(
            Assert.ThrowsExactly<ArgumentException>(() => many.Majority(5)).Message,
            "513 samples; of more than 512 only the majority of all");
    }

    [TestMethod]
    public void Bootstrap_FewResamples_AreRefused()
    {
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => Interval.Bootstrap([1, 2], resamples: 99));
        Assert.AreEqual(1.5, Interval.Bootstrap([1, 2], resamples: 100).Mean);
    }

    [TestMethod]
    public void Geometry_GroupsOfTwo_AreGroups()
    {
        var (geometry, histogram) = GeometryMeasurement.Over([[1, 0], [0, 1], [1, 0], [1, 0]], 2);
        Assert.AreEqual((2L, 2L), (geometry.Pairs, histogram.Sum()));
        Assert.AreEqual(0.5, geometry.MeanCosine, 1e-6);
        Assert.ThrowsExactly<ArgumentException>(() => GeometryMeasurement.Over([[1, 0], [0, 1]], 1));
    }

    // The run's own problems first, a benchmark of one problem beside them; each reward's mean is of the run's own.
    [TestMethod]
    public void Evaluate_WithinATraining_TellsRewardsAndBenchmarks()
    {
        using var model = new TinyModel();
        using var scratch = new Scratch();
        var file = Path.Combine(scratch.Path, "one.jsonl");
        File.WriteAllText(file, "{\"problem\":\"1+2=\",\"answer\":\"3\"}\n");
        var config = model.Config with
        {
            Rewards = [new CheckerConfig(), new OverlongRewardConfig { Buffer = 6 }],
            Evaluation = new()
            {
                Problems = 4,
                Samples = 2,
                Rewards = true,
                Benchmarks =
                [
                    new()
                    {
                        Name = "one",
                        Set = "file",
                        Settings = JsonSerializer.Deserialize<JsonElement>($$"""{"heldOut": "{{file}}"}"""),
                    },
                ],
            },
        };
        var (rows, progress) = (new List<JsonObject>(), new HashSet<string>());
        TrainingEvents events = new()
        {
            Evaluation = rows.Add,
            Progress = (what, done, of) =>
            {
                lock (progress)
                    progress.Add(what.StartsWith("evaluate reward", StringComparison.Ordinal) ? $"{what} of {of}" : what);
            },
        };
        using var trainer = new Trainer(config, TinyModel.Problems(), events);
        var result = trainer.Evaluate(step: 3);
        Assert.AreEqual((3, 4, 2), (result.Step, result.Problems, result.Samples));
        CollectionAssert.AreEqual((string[])["checker", "overlong"], result.Rewards.Keys.Order().ToArray());
        Assert.AreEqual((2 * result.PassAt1.Mean) - 1, result.Rewards["checker"], 1e-12);
        Assert.IsInRange(-1, 0, result.Rewards["overlong"]);
        Assert.AreEqual("one", result.Benchmarks.Single().Name);
        var one = result.Benchmarks[0].Result;
        Assert.AreEqual((3, 1, 2), (one.Step, one.Problems, one.Samples));
        Assert.AreEqual(result.ToJson().ToJsonString(), rows.Single().ToJsonString());
        Assert.IsTrue(progress.IsSupersetOf(["evaluate", "evaluate reward checker of 8"]), string.Join(", ", progress));
    }

    // Where nobody asks for them, or where the checker is the only one and pass@1 says the same, no reward is asked.
    [TestMethod]
    [DataRow(false, true)]
    [DataRow(true, false)]
    public void Evaluate_RewardsThatNobodyAsksFor_AreNotTold(bool asks, bool overlong)
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Rewards = overlong ? [new CheckerConfig(), new OverlongRewardConfig { Buffer = 6 }] : [new CheckerConfig()],
            Algorithm = new() { Name = "grpo", KlCoefficient = 0 },
            Evaluation = new() { Problems = 2, Samples = 2, Rewards = asks },
        };
        using var trainer = new Trainer(config, TinyModel.Problems(), backend: new FakeBackend());
        Assert.IsEmpty(trainer.Evaluate(step: 0).Rewards);
    }

    // Of each problem's two responses the reward judges the second alone; where it judges none it has no mean.
    [TestMethod]
    public void Evaluate_RewardThatGivesNoScore_HasTheMeanOfTheOthers()
    {
        using var model = new TinyModel();
        var functions = new Dictionary<string, RewardFunction>(StringComparer.Ordinal)
        {
            ["some"] = c => c.Text == "1" ? Outcome.Scored(0.25) : Outcome.Abstained("not mine"),
            ["none"] = _ => Outcome.Abstained("not mine"),
        };
        var config = model.Config with
        {
            Rewards =
            [
                new CheckerConfig(), new FunctionConfig { Function = "some", Label = "some" },
                new FunctionConfig { Function = "none", Label = "none" },
            ],
            Algorithm = new() { Name = "grpo", KlCoefficient = 0 },
            Evaluation = new() { Problems = 2, Samples = 2, Rewards = true },
        };
        using var trainer = new Trainer(config, TinyModel.Problems(), backend: new FakeBackend(), functions: functions);
        var rewards = trainer.Evaluate(step: 0).Rewards;
        Assert.AreEqual("checker=0 some=0.25", string.Join(' ', rewards.OrderBy(r => r.Key).Select(r => $"{r.Key}={r.Value}")));
    }

    [TestMethod]
    public void Run_CompletedOrCancelled_HasTheEvaluationsThatThereAre()
    {
        using var model = new TinyModel();
        var config = model.Config with { Steps = 2, Algorithm = new() { Name = "grpo", KlCoefficient = 0 } };
        var whole = Run("whole", cancelled: false);
        Assert.AreEqual((2, true, 0, 2), (whole.Steps, whole.Completed, whole.Before!.Step, whole.After!.Step));
        var broken = Run("broken", cancelled: true);
        Assert.AreEqual((0, false, 0), (broken.Steps, broken.Completed, broken.Before!.Step));
        Assert.IsNull(broken.After);

        EvaluatedResult Run(string name, bool cancelled)
        {
            using var cancel = new CancellationTokenSource();
            TrainingEvents events = new() { Evaluation = _ => { if (cancelled) cancel.Cancel(); } };
            using var trainer = new Trainer(config, TinyModel.Problems(), events, new FakeBackend());
            using var run = RunDirectory.Create(config, TimeProvider.System, Path.Combine(model.Root, name));
            return trainer.Run(run, cancel.Token);
        }
    }
}
