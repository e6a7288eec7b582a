using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>What a run's folder sees of training, without a model at work.</summary>
[TestClass]
public sealed class RunKeeperTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly List<string> words = [];
    private readonly RunInputs inputs;
    private readonly RunConfig config;

    public RunKeeperTests()
    {
        config = model.Config with
        {
            Steps = 5,
            Evaluation = model.Config.Evaluation with { Every = 2 },
            Training = model.Config.Training with { CheckpointEvery = 3 },
            Logging = new() { RolloutsEvery = 2 },
        };
        inputs = new(config, TinyModel.Problems());
    }

    public void Dispose()
    {
        inputs.Dispose();
        model.Dispose();
    }

    [TestMethod]
    public void Keep_FiveSteps_LogsSavesAndAsksForEvaluationsWhenDue()
    {
        using var run = RunDirectory.Create(config, TimeProvider.System);
        var optimizer = new Saving();
        var keeper = Keeper(run, optimizer);
        keeper.Begin(evaluates: true);
        var due = new List<int>();
        for (; ; )
        {
            if (keeper.LacksEvaluation)
            {
                due.Add(keeper.Done);
                run.AppendEvaluation(new() { ["step"] = keeper.Done });
                Assert.IsFalse(keeper.LacksEvaluation, "It is there now.");
            }
            if (keeper.Done == 5)
                break;
            keeper.Keep(new StepMetrics(keeper.Done + 1), []);
            keeper.SaveIfDue();
        }
        CollectionAssert.AreEqual(new[] { 0, 2, 4, 5 }, due);
        CollectionAssert.AreEqual(new[] { "step-000003", "step-000005" }, Checkpoints(run));
        Assert.HasCount(5, File.ReadAllLines(run.MetricsPath));
        CollectionAssert.AreEquivalent(
            new[] { "step-000001.jsonl", "step-000003.jsonl", "step-000005.jsonl" },
            Directory.GetFiles(Path.Combine(run.Folder, "rollouts")).Select(Path.GetFileName).ToArray());
        // What is saved is not saved again.
        keeper.Save();
        Assert.AreEqual(2, optimizer.Saves);
    }

    // Every so many steps, from the first on; 0 keeps none.
    [TestMethod]
    [DataRow(3, "step-000001.jsonl step-000004.jsonl")]
    [DataRow(0, "")]
    public void Keep_RolloutsEverySoManySteps_WritesThose(int every, string files)
    {
        using var run = RunDirectory.Create(config with { Logging = new() { RolloutsEvery = every } }, TimeProvider.System);
        var keeper = Keeper(run, new Saving());
        keeper.Begin(evaluates: false);
        for (var step = 1; step <= 5; step++)
            keeper.Keep(new StepMetrics(step), []);
        var written = Directory.GetFiles(Path.Combine(run.Folder, "rollouts")).Select(Path.GetFileName).Order(StringComparer.Ordinal);
        Assert.AreEqual(files, string.Join(' ', written));
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Keep_TokensOfRollouts_AreLoggedWhereAsked(bool asked)
    {
        using var run = RunDirectory.Create(config with { Logging = new() { RolloutsEvery = 1, Tokens = asked } }, TimeProvider.System);
        var keeper = Keeper(run, new Saving());
        keeper.Begin(evaluates: false);
        var drawn = new FakeSource((_, _, _) => "1").Draw(new([[1]], 2, 0, 0))[0];
        keeper.Keep(new StepMetrics(1), [new(new(new("p", "1=", ""), drawn), [Outcome.Judged(true), Outcome.Judged(false)])]);
        var rows = File.ReadAllLines(Path.Combine(run.Folder, "rollouts", "step-000001.jsonl"));
        Assert.HasCount(2, rows);
        Assert.IsTrue(rows.All(row => row.Contains("\"pieces\"", StringComparison.Ordinal) == asked));
    }

    [TestMethod]
    public void Rescue_CheckpointThatCannotBeWritten_IsNotSaidToBeSaved()
    {
        using var run = RunDirectory.Create(config, TimeProvider.System);
        var keeper = Keeper(run, new Saving { Fails = true });
        keeper.Begin(evaluates: false);
        for (var i = 1; i <= 3; i++)
            keeper.Keep(new StepMetrics(i), []);
        Assert.Throws<Exception>(keeper.SaveIfDue);
        keeper.Rescue(isWhole: true);
        StringAssert.StartsWith(words[^2], "the 3 steps that are done could not be saved: ");
        StringAssert.StartsWith(words[^1], "no step is saved; when the cause is mended go on with: g2rl export-and-train --resume ");
        Assert.IsEmpty(Checkpoints(run));
    }

    [TestMethod]
    public void Rescue_WeightsOfNoWholeStep_AreNotSaved()
    {
        using var run = RunDirectory.Create(config, TimeProvider.System);
        var optimizer = new Saving();
        var keeper = Keeper(run, optimizer);
        keeper.Begin(evaluates: false);
        keeper.Keep(new StepMetrics(1), []);
        keeper.Rescue(isWhole: false);
        Assert.AreEqual(0, optimizer.Saves);
        keeper.Rescue(isWhole: true);
        Assert.AreEqual(1, optimizer.Saves);
        StringAssert.StartsWith(words[^1], "the run is saved after 1 of the 1 steps that were done; ");
    }

    [TestMethod]
    public void Rescue_NothingDone_LeavesNoFolder()
    {
        using var run = RunDirectory.Create(config, TimeProvider.System);
        var keeper = Keeper(run, new Saving());
        keeper.Begin(evaluates: false);
        keeper.Rescue(isWhole: true);
        Assert.IsFalse(Directory.Exists(run.Folder));
        Assert.IsEmpty(words);
    }

    [TestMethod]
    public void Begin_CheckpointBeyondTheRun_IsRefusedAndOneAtItsEndIsNot()
    {
        using var run = RunDirectory.Create(config, TimeProvider.System);
        run.Checkpoints.Save(5, 1000, aside => File.WriteAllText(Path.Combine(aside, "data"), "x"));
        for (var step = 0; step < 5; step++)
            run.Append(new StepMetrics(step));
        var keeper = Keeper(run, new Saving());
        keeper.Begin(evaluates: false);
        Assert.AreEqual(5, keeper.Done);
        run.Checkpoints.Save(6, 1000, aside => File.WriteAllText(Path.Combine(aside, "data"), "x"));
        var message = Assert.ThrowsExactly<InputException>(() => Keeper(run, new Saving()).Begin(evaluates: false)).Message;
        StringAssert.Contains(message, "step-000006 is beyond the run's 5 steps; ");
        StringAssert.Contains(message, "or steps must be at least 6.");
    }

    private RunKeeper Keeper(RunDirectory run, IPolicyOptimizer optimizer) =>
        new(run, inputs, optimizer, null, new() { Warning = words.Add });

    private static string?[] Checkpoints(RunDirectory run) =>
        [.. Directory.GetDirectories(Path.Combine(run.Folder, "checkpoints")).Select(Path.GetFileName).Order(StringComparer.Ordinal)];

    // Nothing but a file.
    private sealed class Saving : IPolicyOptimizer
    {
        public int Saves { get; private set; }

        public bool Fails { get; init; }

        public bool Packs => false;

        public void Clear()
        {
        }

        public double Add(Microbatch micro) => 0;

        public double? GradientNorm() => 0;

        public void Step(double learningRate)
        {
        }

        public void Save(string folder)
        {
            if (Fails)
                throw new IOException("No space left on device");
            Saves++;
            File.WriteAllText(Path.Combine(folder, "model.safetensors"), "x");
        }

        public void Load(string folder)
        {
        }

        public void Dispose()
        {
        }
    }
}
