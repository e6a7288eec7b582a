using System.Security.Cryptography;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>Graphs written for a run, and taken into one that they are the graphs of.</summary>
[TestClass]
public sealed class GraphArtifactsTests
{
    private static readonly string[] Names =
        ["decode.onnx", "features.onnx", "score.body.onnx", "score.head.onnx", "train.onnx", "config.json"];

    [TestMethod]
    public void Take_WhatWasWritten_IsTheSameToTheByte()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var (written, taken) = (Path.Combine(model.Root, "run", "artifacts"), Path.Combine(model.Root, "taken"));
        Directory.CreateDirectory(written + ".tmp");
        File.WriteAllText(Path.Combine(written + ".tmp", "left-over"), "");
        GraphArtifacts.Write(written, policy, model.Config);
        foreach (var name in Names)
            Assert.IsTrue(File.Exists(Path.Combine(written, name)), name);
        Assert.AreEqual(policy.Spec.ToConfigJson(), File.ReadAllText(Path.Combine(written, "config.json")));
        Assert.IsTrue(File.Exists(Path.Combine(written, "training", "training_model.onnx")));
        Assert.IsFalse(File.Exists(Path.Combine(written, "left-over")));
        Assert.IsFalse(Directory.Exists(written + ".tmp"));
        Directory.CreateDirectory(taken + ".tmp");
        File.WriteAllText(Path.Combine(taken + ".tmp", "left-over"), "");
        // The folder itself, or that of the run which holds it.
        GraphArtifacts.Take(written, taken, policy, model.Config);
        CollectionAssert.AreEqual(Content(written), Content(taken));
        Assert.IsFalse(Directory.Exists(taken + ".tmp"));
        GraphArtifacts.Take(Path.Combine(model.Root, "run"), taken + "2", policy, model.Config);
        CollectionAssert.AreEqual(Content(written), Content(taken + "2"));
    }

    [TestMethod]
    public void Take_GraphsThatAreMissingOrOthers_NamesEach()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var (written, taken) = (Path.Combine(model.Root, "artifacts"), Path.Combine(model.Root, "taken"));
        GraphArtifacts.Write(written, policy, model.Config);
        File.Delete(Path.Combine(written, "features.onnx"));
        File.AppendAllText(Path.Combine(written, "decode.onnx"), " ");
        // Another loss has another train graph.
        var config = model.Config with { Algorithm = new() { KlCoefficient = 0.5 } };
        var message = Assert.ThrowsExactly<InputException>(() => GraphArtifacts.Take(written, taken, policy, config)).Message;
        foreach (var part in new[]
        {
            $"{Path.Combine(written, "features.onnx")} does not exist; it is one of the graphs that a run needs.",
            $"{Path.Combine(written, "decode.onnx")} is not the graph of {config.Model} under this configuration (another model).",
            $"{Path.Combine(written, "train.onnx")} is not the graph of {config.Model} under this configuration (another loss or model).",
            "Write the graphs anew with g2rl export --format onnx, or let export-and-train do it.",
        })
            StringAssert.Contains(message, part);
        Assert.DoesNotContain("score.", message);
        Assert.IsFalse(Directory.Exists(taken));
        // Nothing there is not looked for elsewhere.
        var empty = Directory.CreateDirectory(Path.Combine(model.Root, "empty")).FullName;
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => GraphArtifacts.Take(empty, taken, policy, config)).Message,
            $"{Path.Combine(empty, "decode.onnx")} does not exist");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => GraphArtifacts.Take(model.Root + "-none", taken, policy, config)).Message,
            $"{Path.Combine(model.Root + "-none", "decode.onnx")} does not exist");
    }

    [TestMethod]
    public void WriteAndTake_WhereAFileLies_SayWhatToDo()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var (written, file) = (Path.Combine(model.Root, "artifacts"), Path.Combine(model.Root, "file"));
        GraphArtifacts.Write(written, policy, model.Config);
        File.WriteAllText(file, "");
        foreach (var write in new Action<string>[]
        {
            f => GraphArtifacts.Write(f, policy, model.Config), f => GraphArtifacts.Take(written, f, policy, model.Config),
        })
        {
            var message = Assert.ThrowsExactly<InputException>(() => write(Path.Combine(file, "inside"))).Message;
            StringAssert.StartsWith(message, $"The graphs cannot be written to {Path.Combine(file, "inside")}: ");
            StringAssert.EndsWith(
                message, "Make room or correct its permissions and give the same command again; what was begun is replaced then.");
        }
    }

    private static string[] Content(string folder) =>
    [
        .. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(f => $"{Path.GetRelativePath(folder, f)} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))}"),
    ];
}
