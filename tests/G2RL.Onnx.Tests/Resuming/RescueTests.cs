using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Resuming;

/// <summary>A failure in the midst of a run: what was done before is kept, and a run that did nothing leaves nothing.</summary>
[TestClass]
public sealed class RescueTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly List<string> words = [];

    private RunConfig Config => model.Config with { Steps = 4, Training = model.Config.Training with { CheckpointEvery = 100 } };

    private string Folder => Path.Combine(model.Root, "run");

    public void Dispose() => model.Dispose();

    [TestMethod]
    public void Train_StepFails_SavesTheStepsBeforeAndGoesOnToTheSameBytes()
    {
        var expected = Whole(Config);
        var judged = 0;
        // Before, 24 a step, then none of the third step's.
        var problems = TinyModel.Problems(text => ++judged > 8 + (2 * 24) ? Outcome.Failed("the judge is down") : TinyModel.IsEven(text));
        Fails<InputException>(Config, problems, "Step 3: none of 24 completions could be judged");
        StringAssert.Contains(words[^1], "the run is saved after 2 of the 2 steps that were done; when the cause is mended go on with: "
            + $"g2rl export-and-train --resume {Folder}");
        Assert.IsTrue(Directory.Exists(Path.Combine(Folder, "checkpoints", "step-000002")));
        Assert.AreEqual(expected, Resume(Config));
    }

    [TestMethod]
    public void Train_DefectInAListener_SavesTheStepsBeforeToo()
    {
        var expected = Whole(Config);
        Fails<InvalidTimeZoneException>(
            Config,
            null,
            "x",
            new() { Step = m => { if (m.Step == 3) throw new InvalidTimeZoneException("x"); } });
        Assert.IsTrue(Directory.Exists(Path.Combine(Folder, "checkpoints", "step-000003")));
        Assert.AreEqual(expected, Resume(Config));
    }

    // The first of two mini-batches is in the weights, the second is not: they are those of no whole step.
    [TestMethod]
    public void Train_UpdateFailsHalfWay_SavesNoMixture()
    {
        var config = Config with { Training = Config.Training with { MinibatchesPerBatch = 2, CheckpointEvery = 2 } };
        var expected = Whole(config);
        var updates = 0;
        // Of the fourth step, the second after the checkpoint.
        Fails<IOException>(
            config,
            null,
            "torn",
            optimizer: (policy, c, threads) => new Failing(PolicyOptimizers.All["graph"](policy, c, threads), () => ++updates == 8));
        CollectionAssert.AreEqual(
            new[] { "step-000002" },
            Directory.GetDirectories(Path.Combine(Folder, "checkpoints")).Select(Path.GetFileName).ToArray());
        StringAssert.Contains(words[^1], "the run is saved after 2 of the 3 steps that were done");
        Assert.AreEqual(expected, Resume(config));
    }

    // The step is done, but its row is lost: a checkpoint would lead a log that lacks it.
    [TestMethod]
    public void Train_LogCannotBeWritten_SavesNothingThatTheLogsLack()
    {
        if (!File.Exists("/dev/full"))
            Assert.Inconclusive("needs /dev/full");
        var expected = Whole(Config);
        var metrics = Path.Combine(Folder, "metrics.jsonl");
        var kept = "";
        Fails<InputException>(Config, null, "No space left on device", new()
        {
            Step = m =>
            {
                if (m.Step != 2)
                    return;
                kept = File.ReadAllText(metrics);
                File.Delete(metrics);
                File.CreateSymbolicLink(metrics, "/dev/full");
            },
        });
        Assert.IsFalse(Directory.EnumerateDirectories(Path.Combine(Folder, "checkpoints")).Any());
        File.Delete(metrics);
        File.WriteAllText(metrics, kept);
        Assert.AreEqual(expected, Resume(Config));
    }

    [TestMethod]
    public void Train_FailsBeforeAnyWork_LeavesNoFolder()
    {
        Fails<InputException>(Config, TinyModel.Problems(_ => Outcome.Failed("no")), "could be judged");
        Assert.IsFalse(Directory.Exists(Folder));
        // A folder that was there stays, empty, and can be begun in.
        Directory.CreateDirectory(Folder);
        Fails<InputException>(Config, TinyModel.Problems(_ => Outcome.Failed("no")), "could be judged");
        Assert.IsEmpty(Directory.GetFileSystemEntries(Folder));
        Assert.IsNotNull(Whole(Config, Folder));
    }

    [TestMethod]
    public void Train_FailsInTheFirstStep_KeepsTheEvaluationAndTakesOtherSettings()
    {
        var judged = 0;
        Fails<InputException>(Config, TinyModel.Problems(text => ++judged > 8 ? Outcome.Failed("no") : TinyModel.IsEven(text)), "Step 1: ");
        StringAssert.Contains(words[^1], "no step is saved; when the cause is mended go on with:");
        var evaluation = File.ReadAllText(Path.Combine(Folder, "evaluations.jsonl"));
        var corrected = Config with { Training = Config.Training with { LearningRate = 5e-3 } };
        Assert.AreEqual(Whole(corrected), Resume(corrected));
        StringAssert.StartsWith(File.ReadAllText(Path.Combine(Folder, "evaluations.jsonl")), evaluation, "It is not made again.");
        CollectionAssert.AreEqual(
            new[] { 0, 4 },
            File.ReadLines(Path.Combine(Folder, "evaluations.jsonl")).Select(l => (int)JsonNode.Parse(l)!["step"]!).ToArray());
    }

    [TestMethod]
    public void Create_InTheFolderOfARunWithoutAStep_BeginsInItsPlace()
    {
        var judged = 0;
        Fails<InputException>(Config, TinyModel.Problems(text => ++judged > 8 ? Outcome.Failed("no") : TinyModel.IsEven(text)), "Step 1: ");
        var corrected = Config with { Seed = 3 };
        using (var run = RunDirectory.Create(corrected, TimeProvider.System, Folder))
            Assert.AreEqual($"{Folder} held a run without a step; this one begins in its place.", run.Note);
        Assert.AreEqual(Whole(corrected), Resume(corrected));
    }

    // Nothing of anybody else's is taken for the remains of a run.
    [TestMethod]
    public void Create_InAFolderThatIsNoRuns_TouchesNothing()
    {
        void Refuses(params string[] entries)
        {
            var folder = Directory.CreateDirectory(Path.Combine(model.Root, Path.GetRandomFileName())).FullName;
            foreach (var entry in entries)
                if (entry.EndsWith('/'))
                    File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder, entry)).FullName, "mine"), "");
                else
                    File.WriteAllText(Path.Combine(folder, entry), entry == "config.json" ? "{}" : "mine");
            var before = Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories).Length;
            Assert.ThrowsExactly<InputException>(() => RunDirectory.Create(Config, TimeProvider.System, folder));
            Assert.IsGreaterThanOrEqualTo(before, Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories).Length);
        }
        Refuses("artifacts/");
        Refuses("report.html");
        Refuses("checkpoints/", "metrics.jsonl");
        Refuses(".lock", "config.json", "model/");
        Refuses(".lock", "config.json", "model.safetensors");
        Refuses(".lock", "config.json", "checkpoints/", "notes.txt");
    }

    private void Fails<T>(
        RunConfig config,
        IProblemSet? problems,
        string what,
        TrainingEvents? events = null,
        PolicyOptimizers.Factory? optimizer = null)
        where T : Exception
    {
        words.Clear();
        using var trainer =
            new Trainer(config, problems ?? TinyModel.Problems(), (events ?? new()) with { Warning = words.Add }, optimizer);
        using var run = RunDirectory.Create(config, TimeProvider.System, Folder);
        StringAssert.Contains(Assert.ThrowsExactly<T>(() => trainer.Run(run)).Message, what);
    }

    private string Whole(RunConfig config, string? folder = null)
    {
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System, folder ?? Path.Combine(model.Root, Path.GetRandomFileName()));
        Assert.IsTrue(trainer.Run(run).Completed);
        return trainer.Policy.Hash();
    }

    private string Resume(RunConfig config)
    {
        using var run = RunDirectory.Resume(Folder, config);
        using var trainer = new Trainer(config, TinyModel.Problems(), new() { Warning = words.Add });
        Assert.IsTrue(trainer.Run(run).Completed);
        return trainer.Policy.Hash();
    }

    // Fails after an update that it was told of in advance.
    private sealed class Failing(IPolicyOptimizer inner, Func<bool> fails) : IPolicyOptimizer
    {
        public bool Packs => inner.Packs;

        public void Clear() => inner.Clear();

        public double Add(Microbatch micro) => inner.Add(micro);

        public double Add(IReadOnlyList<Microbatch> micros, CancellationToken cancel = default) => inner.Add(micros, cancel);

        public double? GradientNorm() => inner.GradientNorm();

        public void Step(double learningRate)
        {
            if (fails())
                throw new IOException("torn");
            inner.Step(learningRate);
        }

        public void Save(string folder) => inner.Save(folder);

        public void Load(string folder) => inner.Load(folder);

        public void Dispose() => inner.Dispose();
    }
}
