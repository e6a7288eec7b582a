using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class RunDirectoryTests
{
    [TestMethod]
    public void Create_SameSecond_TakesTheNextName()
    {
        using var scratch = new Scratch();
        var config = new RunConfig { Output = scratch.Path, Name = "twice" };
        var clock = new StoppedClock();
        using var first = RunDirectory.Create(config, clock);
        using var second = RunDirectory.Create(config, clock);
        Assert.AreEqual("20260102-030405-twice", Path.GetFileName(first.Folder));
        Assert.AreEqual("20260102-030405-twice-2", Path.GetFileName(second.Folder));
    }

    [TestMethod]
    public void Create_HalfMadeFolder_BeginsThere()
    {
        using var scratch = new Scratch();
        var folder = Path.Combine(scratch.Path, "run");
        // What a kill at the very beginning leaves.
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, ".lock"), "1\n");
        File.WriteAllText(Path.Combine(folder, "config.json.tmp"), "{");
        using (RunDirectory.Create(new(), TimeProvider.System, folder))
            Assert.IsTrue(File.Exists(Path.Combine(folder, "environment.json")));
        // A little later: the configuration is there, the rest is made good.
        File.Delete(Path.Combine(folder, "environment.json"));
        Directory.Delete(Path.Combine(folder, "rollouts"));
        using var run = RunDirectory.Resume(folder, new());
        run.RewindTo(0);
        Assert.IsTrue(File.Exists(Path.Combine(folder, "environment.json")));
    }

    // A kill while one of its files was written leaves it aside; the next run may begin there, and cleans up. What is not a run's stays.
    [TestMethod]
    [DataRow("config.json.tmp", true)]
    [DataRow("environment.json.tmp", true)]
    [DataRow("inputs.json.tmp", true)]
    [DataRow("notes.tmp", false)]
    [DataRow("environment.json.tmp.tmp", false)]
    public void Create_RunWithoutAStepCutShort_BeginsThere(string left, bool begins)
    {
        using var scratch = new Scratch();
        var folder = Path.Combine(scratch.Path, "run");
        RunDirectory.Create(new(), TimeProvider.System, folder).Dispose();
        File.WriteAllText(Path.Combine(folder, left), "{");
        if (begins)
            RunDirectory.Create(new(), TimeProvider.System, folder).Dispose();
        else
            Assert.ThrowsExactly<InputException>(() => RunDirectory.Create(new(), TimeProvider.System, folder));
        Assert.AreEqual(!begins, File.Exists(Path.Combine(folder, left)));
    }

    [TestMethod]
    public void Resume_WhileHeld_IsRefusedAndFreeAfterwards()
    {
        using var scratch = new Scratch();
        var folder = Path.Combine(scratch.Path, "run");
        using (var run = RunDirectory.Create(new(), TimeProvider.System, folder))
        {
            run.Append(new StepMetrics(1));
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => RunDirectory.Resume(folder, null)).Message,
                "Another process is at work in");
        }
        using (RunDirectory.Resume(folder, null))
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => RunDirectory.Create(new(), TimeProvider.System, folder)).Message,
                "Another process is at work in");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => RunDirectory.Create(new(), TimeProvider.System, folder)).Message,
            "holds a run already");
        // A refusal does not keep the lock.
        Directory.CreateDirectory(Path.Combine(folder, "checkpoints", "step-000001"));
        Assert.ThrowsExactly<InputException>(() => RunDirectory.Resume(folder, new() { Seed = 7 }));
        RunDirectory.Resume(folder, null).Dispose();
    }

    [TestMethod]
    public void Append_DiskFull_SaysSoAndHowToGoOn()
    {
        if (!File.Exists("/dev/full"))
            Assert.Inconclusive("needs /dev/full");
        using var scratch = new Scratch();
        using var run = RunDirectory.Create(new(), TimeProvider.System, Path.Combine(scratch.Path, "run"));
        File.CreateSymbolicLink(run.MetricsPath, "/dev/full");
        var message = Assert.ThrowsExactly<InputException>(() => run.Append(new StepMetrics(1))).Message;
        StringAssert.Contains(message, "No space left on device");
        StringAssert.Contains(message, "Make room");
    }

    // An evaluation that was made again counts for the one before.
    [TestMethod]
    public void Evaluation_OfAStepWithTwoRows_IsTheLast()
    {
        using var scratch = new Scratch();
        using var run = RunDirectory.Create(new(), TimeProvider.System, Path.Combine(scratch.Path, "run"));
        run.AppendEvaluation(new() { ["step"] = 0, ["pass@1"] = 0.25 });
        run.AppendEvaluation(new() { ["step"] = 0, ["pass@1"] = 0.5 });
        run.AppendEvaluation(new() { ["step"] = 2, ["pass@1"] = 0.75 });
        Assert.AreEqual("""{"step":0,"pass@1":0.5}""", run.Evaluation(0)!.ToJsonString());
    }

    // Logs of a version that counted steps from 0 count from 1 as soon as the run goes on.
    [TestMethod]
    public void RewindTo_LogsThatCountFromZero_CountFromOne()
    {
        using var scratch = new Scratch();
        using var run = RunDirectory.Create(new(), TimeProvider.System, Path.Combine(scratch.Path, "run"));
        File.WriteAllText(run.MetricsPath, "{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n");
        run.RewindTo(2);
        CollectionAssert.AreEqual(new[] { "{\"step\":1}", "{\"step\":2}" }, File.ReadAllLines(run.MetricsPath));
    }

    [TestMethod]
    public void RewindTo_CutsEveryLogToTheStep()
    {
        using var scratch = new Scratch();
        using var run = RunDirectory.Create(new(), TimeProvider.System, Path.Combine(scratch.Path, "run"));
        for (var step = 1; step <= 4; step++)
        {
            run.Append(new StepMetrics(step));
            run.AppendEvaluation(Some(step).ToJson());
            run.WriteRollouts(step, [new() { ["step"] = step, ["text"] = "ä\n" }]);
        }
        File.AppendAllText(run.MetricsPath, "{\"step\":1,\"torn");
        File.AppendAllText(run.EvaluationsPath, "[]\n{\"step\":\"one\"}\n");
        run.RewindTo(2);
        CollectionAssert.AreEqual(new[] { "{\"step\":1}", "{\"step\":2}" }, File.ReadAllLines(run.MetricsPath));
        Assert.HasCount(2, File.ReadAllLines(run.EvaluationsPath));
        Assert.AreEqual(Some(2).ToJson().ToJsonString(), run.EvaluationAfter(2)!.ToJson().ToJsonString());
        Assert.IsNull(run.Evaluation(3));
        CollectionAssert.AreEqual(
            new[] { "step-000001.jsonl", "step-000002.jsonl" },
            Directory.GetFiles(Path.Combine(run.Folder, "rollouts")).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray());
    }

    [TestMethod]
    public void Run_CancelledInAnEvaluationBetweenSteps_SavesTheStepsDone()
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Steps = 4,
            Training = model.Config.Training with { CheckpointEvery = 100 },
            Evaluation = new() { Problems = 4, Samples = 2, Every = 2 },
        };
        var (whole, cut) = (Path.Combine(model.Root, "whole"), Path.Combine(model.Root, "cut"));
        var expected = Train(config, whole, new());
        using (var cancel = new CancellationTokenSource())
        {
            var evaluations = 0;
            // The second evaluation comes after two steps; the first of its samples cancels it.
            var events = new TrainingEvents
            {
                Progress = (phase, done, _) =>
            {
                if (phase == "evaluate" && done == 1 && Interlocked.Increment(ref evaluations) == 2) cancel.Cancel();
            }
            };
            using var trainer = new Trainer(config, TinyModel.Problems(), events);
            using var run = RunDirectory.Create(config, TimeProvider.System, cut);
            var result = trainer.Run(run, cancel.Token);
            Assert.IsFalse(result.Completed);
            Assert.AreEqual(2, result.Steps);
            Assert.IsTrue(Directory.Exists(Path.Combine(cut, "checkpoints", "step-000002")));
        }
        using var again = new Trainer(config, TinyModel.Problems());
        using var resumed = RunDirectory.Resume(cut, config);
        var after = again.Run(resumed);
        Assert.AreEqual(expected, again.Policy.Hash());
        Assert.IsNotNull(after.Before);
        Assert.IsNotNull(after.After);
        CollectionAssert.AreEqual(Steps(whole), Steps(cut));
    }

    private static string Train(RunConfig config, string folder, TrainingEvents events)
    {
        using var trainer = new Trainer(config, TinyModel.Problems(), events);
        using var run = RunDirectory.Create(config, TimeProvider.System, folder);
        Assert.IsTrue(trainer.Run(run).Completed);
        return trainer.Policy.Hash();
    }

    private static string[] Steps(string folder) => [.. File.ReadLines(Path.Combine(folder, "evaluations.jsonl"))
        .Select(l => l.Split(',')[0])];

    private static EvaluationResult Some(int step) => new(step, 10, 4, new(0.5, 0.25, 0.75), 0.75, 0.5, 1, 0.5, 7.5, 0.125, 1, 2.5);

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    }
}
