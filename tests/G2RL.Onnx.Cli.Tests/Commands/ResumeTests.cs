using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>A run that is stopped, in whatever way and phase, goes on to the bytes of a run that was left alone.</summary>
[TestClass]
public sealed class ResumeTests
{
    // So many steps of some 10 ms each that a signal sent early arrives before the end, however busy the machine is.
    private const int Long = 100;

    [TestMethod]
    public void Resume_KilledTwiceAtRandomMoments_EqualsTheUninterruptedRun()
    {
        using var tiny = new TinyRun();
        var (whole, killed) = (tiny.Folder("whole"), tiny.Folder("killed"));
        tiny.Write(LongRun(tiny));
        G2rlProcess.Run(tiny.Train(whole)).Exits(0);
        var random = new Random(20260101);
        for (var kill = 0; kill < 2; kill++)
        {
            using var process = G2rlProcess.Start(kill == 0 ? tiny.Train(killed) : ["export-and-train", "--resume", killed]);
            // Some step of this life, then a few milliseconds more: in sampling, in an update, in a log or in a checkpoint.
            var rows = Lines(killed, "metrics.jsonl") + random.Next(1, 20);
            process.WaitFor(() => Lines(killed, "metrics.jsonl") >= rows);
            Thread.Sleep(random.Next(0, 12));
            process.Kill();
            Assert.IsFalse(File.Exists(Path.Combine(killed, "model", "model.safetensors")), "It was to be killed before its end.");
        }
        var result = G2rlProcess.Run("export-and-train", "--resume", killed).Exits(0);
        Assert.Contains(
            "pass@1",
            result.Output.Split('\n')[^6],
            "before and after are told although the evaluation before was made in an earlier life");
        CollectionAssert.AreEqual(TinyRun.Essence(whole), TinyRun.Essence(killed));
    }

    [TestMethod]
    [DataRow(PosixSignal.SIGTERM, 2, DisplayName = "SIGTERM after some steps")]
    [DataRow(PosixSignal.SIGINT, 0, DisplayName = "SIGINT in the evaluation before")]
    [DataRow(PosixSignal.SIGTERM, 8, DisplayName = "SIGTERM in the evaluation after")]
    public void Resume_AfterSignal_SavesExits130AndGoesOnBitForBit(PosixSignal signal, int rows)
    {
        if (signal == PosixSignal.SIGINT && G2rlProcess.InterruptIsIgnored())
            Assert.Inconclusive("the tests were started with SIGINT ignored, as a shell starts background jobs, and children inherit that");
        using var tiny = new TinyRun();
        var (whole, stopped) = (tiny.Folder("whole"), tiny.Folder("stopped"));
        var config = LongRun(tiny);
        // Without checkpoints of its own accord.
        config["training"]!["checkpointEvery"] = 1000;
        if (rows is 0 or 8)
            (config["steps"], config["evaluation"]) = (8, new JsonObject { ["problems"] = 10, ["samples"] = 500 });
        tiny.Write(config);
        using (var process = G2rlProcess.Start(tiny.Train(stopped)))
        {
            process.WaitFor(() => Directory.Exists(Path.Combine(stopped, rows == 8 ? "checkpoints/step-000008" : "artifacts"))
                && Lines(stopped, "metrics.jsonl") >= rows);
            process.Send(signal);
            var result = process.End().Exits(130);
            Assert.Contains($"--resume {stopped}", result.Error);
        }
        var done = Lines(stopped, "metrics.jsonl");
        Assert.IsTrue(rows == 2 ? done is >= 2 and < Long : done == rows, $"{done} steps were done");
        Assert.AreEqual(done > 0, Directory.Exists(Path.Combine(stopped, "checkpoints", $"step-{done:D6}")), $"{done} steps were done");
        Assert.AreEqual(rows == 0 ? 0 : 1, Lines(stopped, "evaluations.jsonl"));
        G2rlProcess.Run("export-and-train", "--resume", stopped).Exits(0);
        G2rlProcess.Run(tiny.Train(whole)).Exits(0);
        CollectionAssert.AreEqual(TinyRun.Essence(whole), TinyRun.Essence(stopped));
    }

    [TestMethod]
    public void Resume_CompleteRun_SaysSoAndEvaluatesNothingTwice()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(folder, "--set", "steps=2")).Exits(0);
        var (essence, seconds) = (TinyRun.Essence(folder), File.ReadAllText(Path.Combine(folder, "evaluations.jsonl")));
        var again = G2rlProcess.Call("export-and-train", "--resume", folder).Exits(0);
        Assert.Contains("This run was complete", again.Output);
        Assert.Contains(" -> ", again.Output);
        Assert.AreEqual(seconds, File.ReadAllText(Path.Combine(folder, "evaluations.jsonl")));
        CollectionAssert.AreEqual(essence, TinyRun.Essence(folder));
    }

    [TestMethod]
    public void Resume_KilledBetweenEvaluationAndExport_ExportsWithoutEvaluatingAgain()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(folder, "--set", "steps=2")).Exits(0);
        var evaluations = File.ReadAllText(Path.Combine(folder, "evaluations.jsonl"));
        // What a kill in the middle of the export leaves.
        var weights = TinyRun.Hash(Path.Combine(folder, "model", "model.safetensors"));
        Directory.Move(Path.Combine(folder, "model"), Path.Combine(folder, "model.partial"));
        File.WriteAllText(Path.Combine(folder, "model.partial", "model.safetensors"), "torn");
        G2rlProcess.Call("export-and-train", "--resume", folder).Exits(0);
        Assert.AreEqual(weights, TinyRun.Hash(Path.Combine(folder, "model", "model.safetensors")));
        Assert.IsFalse(Directory.Exists(Path.Combine(folder, "model.partial")));
        Assert.AreEqual(evaluations, File.ReadAllText(Path.Combine(folder, "evaluations.jsonl")));
    }

    [TestMethod]
    public void Resume_OtherConfiguration_NamesTheDifference()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(folder, "--set", "steps=1")).Exits(0);
        G2rlProcess.Call("export-and-train", "--resume", folder, "--set", "steps=9", "--set", "training.learningRate=0.5")
            .Refuses("another configuration: training.learningRate: 0.01 -> 0.5. Resume with the same one");
        G2rlProcess.Call("export-and-train", "--resume", folder, "--config", tiny.Config, "--set", "seed=5")
            .Refuses("another configuration: seed: 0 -> 5.");
        G2rlProcess.Call("export-and-train", "--resume", folder, "--run", folder)
            .Refuses("--run starts a run and --resume goes on with one");
        G2rlProcess.Call("export-and-train", "--resume", tiny.Root).Refuses("holds no run");
        // Where the folder lies and what it is called decides nothing.
        G2rlProcess.Call("export-and-train", "--resume", folder, "--set", "output=elsewhere", "--set", "name=other").Exits(0);
    }

    [TestMethod]
    public void Resume_OtherModelThanAtTheStart_IsRefused()
    {
        using var tiny = new TinyRun();
        using var other = new TinyRun();
        var folder = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(folder, "--set", "steps=1")).Exits(0);
        // The trained weights in place of the first ones: the reference policy would be another.
        File.Copy(Path.Combine(folder, "model", "model.safetensors"), Path.Combine(tiny.Model, "model.safetensors"), overwrite: true);
        G2rlProcess.Call("export-and-train", "--resume", folder)
            .Refuses("began with other weights", "Put the first model and problems back and resume");
    }

    [TestMethod]
    public void Run_Diverged_StopsPlainlyNamesTheStepAndCanBeResumed()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        var result = G2rlProcess.Call(tiny.Train(folder, "--set", "training.learningRate=1e30", "--set", "evaluation.every=0")).Exits(1);
        Assert.Contains($"--resume {folder}\nStep 1: ", result.Error);
        Assert.DoesNotContain("   at ", result.Error);
        Assert.IsFalse(Directory.Exists(Path.Combine(folder, "model")));
        // The same numbers diverge in the same way.
        Assert.AreEqual(result.Error, G2rlProcess.Call("export-and-train", "--resume", folder).Exits(1).Error);
    }

    [TestMethod]
    public void Run_FolderOfAnotherProcessAtWork_IsRefusedAndLeftAlone()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        tiny.Write(LongRun(tiny));
        using (var first = G2rlProcess.Start(tiny.Train(folder)))
        {
            first.WaitFor(() => Directory.Exists(Path.Combine(folder, "artifacts")));
            var (second, third) = (G2rlProcess.Call(tiny.Train(folder)), G2rlProcess.Call("export-and-train", "--resume", folder));
            Assert.IsFalse(first.HasExited, "The first process was to be at work still.");
            second.Refuses("Another process is at work in", folder);
            third.Refuses("Another process is at work in", folder);
            first.End().Exits(0);
        }
        Assert.HasCount(Long, TinyRun.Rows(folder, "metrics.jsonl"));
        G2rlProcess.Call(tiny.Train(folder)).Refuses("holds a run already", "--resume");
    }

    private static JsonObject LongRun(TinyRun tiny)
    {
        var config = tiny.Default;
        (config["steps"], config["evaluation"]!["every"], config["logging"]!["rolloutsEvery"], config["training"]!["checkpointEvery"]) =
            (Long, 40, 7, 9);
        return config;
    }

    private static int Lines(string folder, string log)
    {
        var path = Path.Combine(folder, log);
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Count(c => c == '\n') : 0;
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
