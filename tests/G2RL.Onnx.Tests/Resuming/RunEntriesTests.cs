using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Resuming;

namespace G2RL.Onnx.Tests.Resuming;

/// <summary>When a folder of a run holds nothing that took work, and how it is emptied.</summary>
[TestClass]
public sealed class RunEntriesTests
{
    // What a kill left half written is nothing that was done.
    [TestMethod]
    [DataRow("", true)]
    [DataRow("artifacts.tmp/train.onnx", true)]
    [DataRow("checkpoints/.tmp-step-000001/model.safetensors", true)]
    [DataRow("config.json.tmp", true)]
    [DataRow("checkpoints/step-000001/model.safetensors", false)]
    [DataRow("model/config.json", false)]
    [DataRow("notes", false)]
    public void IsUnbegun_FolderOfARun_IsWhereNoStepIsDone(string more, bool unbegun)
    {
        using var scratch = new Scratch();
        Write(scratch, ".lock", "");
        Write(scratch, "config.json", RunConfigFile.ToJson(new()));
        if (more.Length > 0)
            Write(scratch, more, "{}");
        Assert.AreEqual(unbegun, RunEntries.IsUnbegun(scratch.Path));
        if (!unbegun)
            return;
        RunEntries.Clear(scratch.Path);
        CollectionAssert.AreEqual(new[] { ".lock" }, Directory.GetFileSystemEntries(scratch.Path).Select(Path.GetFileName).ToArray());
    }

    private static void Write(Scratch scratch, string name, string text)
    {
        var path = Path.Combine(scratch.Path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
