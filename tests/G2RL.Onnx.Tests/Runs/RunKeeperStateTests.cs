using G2RL.Onnx.Problems.Curriculum;
using G2RL.Onnx.Tests.Updates;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Lagging;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>What a checkpoint holds beside weights, what is said when a run goes on, and the room that it asks for.</summary>
[TestClass]
public sealed class RunKeeperStateTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly List<string> words = [];
    private readonly RunInputs inputs;

    public RunKeeperStateTests() => inputs = new(model.Config, TinyModel.Problems());

    private string Folder => Path.Combine(model.Root, "run");

    public void Dispose()
    {
        inputs.Dispose();
        model.Dispose();
    }

    [TestMethod]
    public void Save_EveryPartThatRemembers_IsReadAgain()
    {
        var config = model.Config with { Sampling = model.Config.Sampling with { Lag = 2 } };
        (PassRateFilter Curriculum, AdaptiveEntropy Entropy, PolicyHistory History) Parts() => (
            new(TinyModel.Problems(), new() { Low = 0, High = 1, Window = 9 }),
            new(new() { Target = 1, Delta = 0.25 }),
            new(inputs.Policy, 2));
        var (curriculum, entropy, history) = Parts();
        using (var run = RunDirectory.Create(config, TimeProvider.System, Folder))
        {
            var keeper = new RunKeeper(run, inputs, new RecordingOptimizer(), curriculum, new(), entropy, history);
            Assert.AreEqual((3 * inputs.Policy.TrainableCount * 4) + (2 * inputs.Policy.TrainableCount * 4), keeper.Bytes);
            keeper.Begin(evaluates: false);
            inputs.Policy.Updates = 3;
            history.Keep(0);
            curriculum.Record(0, [("p1", 1)]);
            entropy.Adapt(0.5, new(1));
            keeper.Keep(new StepMetrics(1), []);
            keeper.SaveIfDue();
            CollectionAssert.AreEquivalent(
                new[] { "curriculum.json", "entropy.json", "lag-000000.safetensors", "recorded", "state.json" },
                Directory.GetFiles(Path.Combine(Folder, "checkpoints/step-000001")).Select(Path.GetFileName).ToArray());
        }
        inputs.Policy.Trainable[0].Buffer.Span[0] += 1;
        inputs.Policy.Updates = 9;
        var (curriculumAgain, entropyAgain, historyAgain) = Parts();
        var optimizer = new RecordingOptimizer();
        using (var run = RunDirectory.Resume(Folder, null))
            new RunKeeper(run, inputs, optimizer, curriculumAgain, new(), entropyAgain, historyAgain).Begin(evaluates: false);
        Assert.AreEqual("0", optimizer.Loaded);
        Assert.AreEqual(3, historyAgain.Of(0).Updates);
        Assert.AreEqual((1, 0.25), (curriculumAgain.LeftOut(1), entropyAgain.Weight));
        Assert.AreEqual(history.Of(0).Trainable[0].Buffer.Span[0], historyAgain.Of(0).Trainable[0].Buffer.Span[0]);
        Assert.AreNotEqual(inputs.Policy.Trainable[0].Buffer.Span[0], historyAgain.Of(0).Trainable[0].Buffer.Span[0]);
        history.Dispose();
        historyAgain.Dispose();
    }

    // What the border between two lives says, then what the logs lack.
    [TestMethod]
    public void Begin_RunThatGoesOn_SaysWhatItFinds()
    {
        using (var run = RunDirectory.Create(model.Config, TimeProvider.System, Folder))
        {
            var keeper = Keeper(run);
            keeper.Begin(evaluates: false);
            keeper.Keep(new StepMetrics(1), []);
            keeper.SaveIfDue();
            keeper.Keep(new StepMetrics(2), []);
        }
        Assert.IsEmpty(words);
        File.Delete(Path.Combine(Folder, "inputs.json"));
        using (var run = RunDirectory.Resume(Folder, null))
        {
            Keeper(run).Begin(evaluates: true);
            Assert.HasCount(2, words);
            StringAssert.Contains(words[0], "has no inputs.json");
            StringAssert.Contains(words[1], "lacks the evaluations after steps 0.");
            Assert.HasCount(1, File.ReadAllLines(run.MetricsPath), "the second step is done again");
            words.Clear();
            Keeper(run).Begin(evaluates: false);
            Assert.IsEmpty(words);
        }
    }

    // A checkpoint takes a mebibyte at least: 2^30 of them, or the only one.
    [TestMethod]
    [DataRow(1 << 30, 1, false)]
    [DataRow(1 << 30, 1 << 30, true)]
    [DataRow(5, 1 << 28, true)]
    [DataRow(5, 1, true)]
    public void Begin_Checkpoints_AskForRoomOnce(int steps, int every, bool fits)
    {
        var config = model.Config with
        {
            Steps = steps,
            Training = model.Config.Training with { CheckpointEvery = every, KeepCheckpoints = 1 << 30 },
        };
        using var run = RunDirectory.Create(config, TimeProvider.System, Folder);
        if (fits)
            Keeper(run).Begin(evaluates: false);
        else
            StringAssert.StartsWith(
                Assert.ThrowsExactly<InputException>(() => Keeper(run).Begin(evaluates: false)).Message, "The run needs ");
        Assert.AreEqual(fits, Directory.Exists(Folder), "what is refused leaves no folder");
    }

    // The row of the only step cannot be written: nothing is saved, and the folder is told.
    [TestMethod]
    public void Rescue_StepThatCouldNotBeLogged_IsToldAndNotSaved()
    {
        using var run = RunDirectory.Create(model.Config, TimeProvider.System, Folder);
        var keeper = Keeper(run);
        keeper.Begin(evaluates: false);
        Directory.CreateDirectory(run.MetricsPath);
        Assert.ThrowsExactly<InputException>(() => keeper.Keep(new StepMetrics(1), []));
        keeper.Rescue(isWhole: true);
        Assert.AreEqual(
            $"no step is saved; when the cause is mended go on with: g2rl export-and-train --resume {Folder}", words.Single());
        Assert.IsNull(run.Checkpoints.Newest);
    }

    private RunKeeper Keeper(RunDirectory run) => new(run, inputs, new RecordingOptimizer(), null, new() { Warning = words.Add });
}
