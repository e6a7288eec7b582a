namespace G2RL.Onnx.Cli.Tests.Commands;

[TestClass]
public sealed class ExportTests
{
    [TestMethod]
    public void Export_OfARunAndACheckpoint_SpeaksAsTheRunDoes()
    {
        using var tiny = new TinyRun();
        var run = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(run, "--set", "steps=2")).Exits(0);
        string Said(string model) => G2rlProcess.Call("sample", "--model", model, "--prompt", "1+2=", "--max-new-tokens", "8", "--json")
            .Exits(0).Rows.Single()["completion"]!.GetValue<string>();
        var (gguf, back) = (tiny.Folder("trained.gguf"), tiny.Folder("back"));
        G2rlProcess.Run("export", "--model", run, "--output", gguf, "--type", "f32").Exits(0);
        Assert.AreEqual(Said(run), Said(gguf));
        G2rlProcess.Call("export", "--model", Path.Combine(run, "checkpoints", "step-000002"), "--output", back).Exits(0);
        Assert.AreEqual(
            TinyRun.Hash(Path.Combine(run, "model", "model.safetensors")),
            TinyRun.Hash(Path.Combine(back, "model.safetensors")));
        G2rlProcess.Call("export", "--model", run, "--output", gguf).Refuses("exists");
        G2rlProcess.Call("export", "--model", run, "--output", tiny.Folder("x.gguf"), "--type", "q2").Refuses("--type is 'q2'", "f32");
        G2rlProcess.Call("export", "--output", tiny.Folder("x")).Refuses("'--model' is required");
    }

    [TestMethod]
    public void Train_OfAGgufFile_IsThatOfItsModelAndGoesOn()
    {
        using var tiny = new TinyRun();
        var (file, cache, quantised) = (tiny.Folder("base.gguf"), tiny.Folder("cache"), tiny.Folder("base-q8.gguf"));
        (string, string)[] environment = [("G2RL_CACHE", cache)];
        CommandResult Do(params string[] arguments)
        {
            using var process = G2rlProcess.Start(environment, arguments);
            return process.End();
        }
        G2rlProcess.Call("export", "--model", tiny.Model, "--output", file, "--type", "f32").Exits(0);
        var (plain, whole, cut) = (tiny.Folder("plain"), tiny.Folder("whole"), tiny.Folder("cut"));
        G2rlProcess.Call(tiny.Train(plain)).Exits(0);
        Do(tiny.Train(whole, "--set", $"model={file}")).Exits(0);
        foreach (var log in new[] { "metrics.jsonl", "evaluations.jsonl" })
            CollectionAssert.AreEqual(TinyRun.Rows(plain, log), TinyRun.Rows(whole, log));
        Assert.HasCount(1, Directory.GetDirectories(Path.Combine(cache, "gguf")), "it is converted once");
        // Killed, and the cache emptied: the run goes on with the same bytes.
        using (var process = G2rlProcess.Start(environment, tiny.Train(cut, "--set", $"model={file}")))
        {
            process.WaitFor(() => Directory.Exists(Path.Combine(cut, "checkpoints", "step-000002")));
            process.Kill();
        }
        Directory.Delete(cache, recursive: true);
        Do("export-and-train", "--resume", cut).Exits(0);
        CollectionAssert.AreEqual(TinyRun.Essence(whole), TinyRun.Essence(cut));
        Do("export", "--model", file, "--output", tiny.Folder("folder")).Exits(0);
        // What quantisation has lost is said; what cannot be read is named.
        Do("export", "--model", "models/arithmetic-base", "--output", quantised, "--type", "q8_0").Exits(0);
        Assert.Contains("tensors are quantised (Q8_0)", Do("export-and-train", "--set", $"model={quantised}", "--dry-run").Exits(0).Error);
        File.WriteAllText(file, "GGUF");
        Do(tiny.Train(tiny.Folder("broken"), "--set", $"model={file}")).Refuses("base.gguf");
    }

    [TestMethod]
    public void ExportThenTrain_OfOneConfiguration_AreExportAndTrain()
    {
        using var tiny = new TinyRun();
        var graphs = tiny.Folder("graphs");
        G2rlProcess.Call("export", "--format", "onnx", "--config", tiny.Config, "--output", graphs).Exits(0);
        G2rlProcess.Call("train", "--artifacts", graphs, "--config", tiny.Config, "--set", "steps=2", "--run", tiny.Folder("two")).Exits(0);
        G2rlProcess.Call(tiny.Train(tiny.Folder("one"), "--set", "steps=2")).Exits(0);
        CollectionAssert.AreEqual(TinyRun.Essence(tiny.Folder("one")), TinyRun.Essence(tiny.Folder("two")));
        // Of a run, too; and graphs of another loss are none of this one's.
        string[] again = ["--set", "steps=1", "--run", tiny.Folder("three")];
        G2rlProcess.Call(["train", "--artifacts", tiny.Folder("one"), "--config", tiny.Config, .. again]).Exits(0);
        G2rlProcess.Call("train", "--artifacts", graphs, "--config", tiny.Config, "--set", "algorithm.name=grpo", "--set",
            "algorithm.loss=cispo", "--run", tiny.Folder("four")).Refuses("train.onnx is not the graph", "another loss");
        Assert.IsFalse(Directory.Exists(tiny.Folder("four")));
        G2rlProcess.Call("train", "--artifacts", tiny.Folder("none"), "--config", tiny.Config).Refuses("decode.onnx does not exist");
    }
}
