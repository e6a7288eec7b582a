namespace G2RL.Onnx.Cli.Tests;

/// <summary>A run on its way to ONNX Runtime's training API and back, by command.</summary>
[TestClass]
public sealed class OrtTrainingCommandTests
{
    [TestMethod]
    public void Write_ThenImportAndExport_GivesTheRunsOwnBytes()
    {
        using var tiny = new TinyRun();
        var (run, moved, exported) = (tiny.Folder("run"), tiny.Folder("moved"), tiny.Folder("exported"));
        G2rlProcess.Call(tiny.Train(run)).Exits(0);
        foreach (var file in new[] { "training_model.onnx", "eval_model.onnx", "optimizer_model.onnx", "checkpoint" })
            Assert.IsTrue(File.Exists(Path.Combine(run, "artifacts", "training", file)), file);
        G2rlProcess.Call("ort-training", "write", run, "--output", moved).Exits(0);
        var step = Path.Combine(run, "checkpoints", "step-000005");
        string[] Hashes() =>
        [
            TinyRun.Hash(Path.Combine(step, "model.safetensors")),
            TinyRun.Hash(Path.Combine(step, "optimizer.safetensors")),
        ];
        var before = Hashes();
        Directory.Delete(step, recursive: true);
        var checkpoint = Path.Combine(moved, "checkpoint");
        G2rlProcess.Call("ort-training", "import", checkpoint, "--run", run).Exits(0);
        CollectionAssert.AreEqual(before, Hashes());
        // The run goes on from it: nothing is left to do.
        G2rlProcess.Call("export-and-train", "--resume", run).Exits(0);
        G2rlProcess.Call("ort-training", "export", checkpoint, "--model", tiny.Model, "--output", exported).Exits(0);
        Assert.AreEqual(
            TinyRun.Hash(Path.Combine(run, "model", "model.safetensors")),
            TinyRun.Hash(Path.Combine(exported, "model.safetensors")));
        G2rlProcess.Call("ort-training", "write", run, "--output", moved).Refuses("never written over");
        G2rlProcess.Call("ort-training", "import", tiny.Config, "--run", run).Refuses("does not bear the mark ODTC");
        G2rlProcess.Call("ort-training", "write", tiny.Root, "--output", tiny.Folder("none")).Refuses("no run");
    }

    [TestMethod]
    public void ExportAndTrain_OrtTrainingInThisBuild_ExitsWithTwoAndMakesNoFolder()
    {
        using var tiny = new TinyRun();
        var run = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(run, "--set", "execution.gradients=ortTraining")).Refuses("-p:Flavor=training");
        Assert.IsFalse(Directory.Exists(run));
    }
}
