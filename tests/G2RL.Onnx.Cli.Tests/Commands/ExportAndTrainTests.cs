using System.Text.Json.Nodes;
using G2RL.Onnx.Execution;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cli.Tests;

[TestClass]
public sealed class ExportAndTrainTests
{
    [TestMethod]
    public void ExportAndTrain_TinyModel_LeavesAWholeRun()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        var result = G2rlProcess.Run(tiny.Train(folder)).Exits(0);
        Assert.Contains("pass@1", result.Output);
        Assert.Contains(Path.Combine(folder, "model"), result.Output);
        Assert.AreEqual("", result.Error);

        foreach (var file in new[]
        {
            "config.json",
            "environment.json",
            "metrics.jsonl",
            "evaluations.jsonl",
            "rollouts/step-000001.jsonl",
            "checkpoints/step-000005/state.json",
            "report.html",
            "model/config.json",
            "model/tokenizer.json",
        })
            Assert.IsTrue(File.Exists(Path.Combine(folder, file)), file);
        CollectionAssert.AreEqual(
            new[] { "step-000004", "step-000005" },
            Directory.GetDirectories(Path.Combine(folder, "checkpoints")).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray());
        var leftovers = Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories).Where(p => p.EndsWith(
            ".tmp",
            StringComparison.Ordinal) || p.EndsWith(".partial", StringComparison.Ordinal) || p.Contains(".tmp-")).ToArray();
        Assert.IsEmpty(leftovers, string.Join(", ", leftovers));

        CollectionAssert.AreEqual(new[] { 1, 2, 3, 4, 5 }, Steps(folder, "metrics.jsonl"));
        CollectionAssert.AreEqual(new[] { 0, 3, 5 }, Steps(folder, "evaluations.jsonl"));
        foreach (var row in Json(folder, "evaluations.jsonl"))
        {
            foreach (var name in new[]
            {
                "step", "problems", "samples", "pass@1", "pass@1_low", "pass@1_high", "pass@4", "maj@4", "well_formed",
                "pass@1_well_formed", "response_length", "truncated", "failures", "seconds",
            })
                Assert.IsTrue(double.IsFinite(row[name]!.GetValue<double>()), name);
            Assert.IsTrue(row["pass@1_low"]!.GetValue<double>() <= row["pass@1"]!.GetValue<double>()
                && row["pass@1"]!.GetValue<double>() <= row["pass@1_high"]!.GetValue<double>());
        }

        // The weights of the last checkpoint and of the exported model are the same numbers, and not those that came in.
        using (var exported = Policy.Load(Path.Combine(folder, "model"), 18))
        using (var before = Policy.Load(tiny.Model, 18))
            Assert.AreNotEqual(before.Hash(), exported.Hash());
        var graphs = Directory.GetFiles(Path.Combine(folder, "artifacts"), "*.onnx");
        Assert.HasCount(5, graphs);
        foreach (var graph in graphs)
        {
            using var session = new InferenceSession(graph);
            Assert.IsGreaterThan(0, session.OutputNames.Count, graph);
        }
    }

    [TestMethod]
    public void ExportAndTrain_SameSeedTwice_WritesTheSameBytes()
    {
        using var tiny = new TinyRun();
        var (first, second, other) = (tiny.Folder("first"), tiny.Folder("second"), tiny.Folder("other"));
        G2rlProcess.Run(tiny.Train(first)).Exits(0);
        G2rlProcess.Run(tiny.Train(second)).Exits(0);
        CollectionAssert.AreEqual(TinyRun.Essence(first), TinyRun.Essence(second));
        G2rlProcess.Run(tiny.Train(other, "--set", "seed=1")).Exits(0);
        Assert.AreNotEqual(
            TinyRun.Hash(Path.Combine(first, "model", "model.safetensors")),
            TinyRun.Hash(Path.Combine(other, "model", "model.safetensors")));
    }

    [TestMethod]
    public void ExportAndTrain_OtherThreadsAndRows_DrawsTheSameTokens()
    {
        using var tiny = new TinyRun();
        var (one, two) = (tiny.Folder("one"), tiny.Folder("two"));
        G2rlProcess.Call(tiny.Train(one, "--set", "steps=3")).Exits(0);
        G2rlProcess.Call(tiny.Train(two, "--set", "steps=3", "--set", "execution.threads=2", "--set", "sampling.maxRows=6")).Exits(0);
        for (var step = 1; step <= 3; step++)
            CollectionAssert.AreEqual(Tokens(one, step), Tokens(two, step), $"step {step}");

        static string[] Tokens(string folder, int step) => [.. Json(folder, $"rollouts/step-{step:D6}.jsonl")
            .Select(r => $"{r["problem"]} {r["sample"]} {r["tokens"]} {r["text"]} {r["finish"]}")];
    }

    [TestMethod]
    public void ExportAndTrain_Json_GivesRowsAndNothingElse()
    {
        using var tiny = new TinyRun();
        var result = G2rlProcess.Run(tiny.Train(tiny.Folder("run"), "--json", "--set", "steps=2", "--set", "sampling.topK=10")).Exits(0);
        var rows = result.Rows;
        Assert.AreEqual(tiny.Folder("run"), rows[0]["run"]!.GetValue<string>());
        Assert.HasCount(2, rows.Where(r => r.ContainsKey("reward/mean")));
        Assert.HasCount(2, rows.Where(r => r.ContainsKey("pass@1")));
        Assert.IsTrue(rows[^1]["completed"]!.GetValue<bool>());
        Assert.IsTrue(Directory.Exists(rows[^1]["model"]!.GetValue<string>()));
        Assert.Contains("warning: sampling.topK", result.Error);
    }

    [TestMethod]
    public void ExportAndTrain_DryRun_PrintsConfigurationAndMemoryAndWritesNothing()
    {
        using var tiny = new TinyRun();
        var before = Directory.GetFileSystemEntries(tiny.Root);
        var text = G2rlProcess.Call("export-and-train", "--config", tiny.Config, "--dry-run").Exits(0).Output;
        Assert.Contains("\"groupSize\": 8", text);
        Assert.Contains("optimizer moments", text);
        var row = G2rlProcess.Call("export-and-train", "--config", tiny.Config, "--dry-run", "--json").Exits(0).Rows.Single();
        Assert.AreEqual(8, row["configuration"]!["sampling"]!["groupSize"]!.GetValue<int>());
        using (var policy = Policy.Load(tiny.Model, 18))
            Assert.AreEqual(2 * sizeof(float) * policy.ParameterCount, row["memory_bytes"]!["optimizer moments"]!.GetValue<long>());
        CollectionAssert.AreEqual(before, Directory.GetFileSystemEntries(tiny.Root));
    }

    // No device is here and none needs to be: what lies in its memory is reckoned for 80 GB.
    [TestMethod]
    public void ExportAndTrain_DryRunOfDevices_PrintsWhatEachHoldsAndTheLongestRollout()
    {
        using var tiny = new TinyRun();
        string[] call =
            ["export-and-train", "--config", tiny.Config, "--dry-run", "--set", "execution.devices=[cuda:0, cuda:1]",
                "--set", "execution.precision=bfloat16"];
        var text = G2rlProcess.Call(call).Exits(0).Output;
        Assert.Contains("the largest micro-batch that fits has", text);
        var row = G2rlProcess.Call([.. call, "--json"]).Exits(0).Rows.Single();
        var (lead, other) = ("cuda:0 of 80 GB, bfloat16", "cuda:1 of 80 GB, bfloat16: draws, scores");
        using var policy = Policy.Load(tiny.Model, 18);
        // Moments and gradients are the first one's alone; both hold the weights in both types.
        Assert.AreEqual(8 * policy.ParameterCount, row["memory_bytes"]![lead]!["optimizer moments"]!.GetValue<long>());
        Assert.IsNull(row["memory_bytes"]![other]!["optimizer moments"]);
        Assert.AreEqual(2 * policy.ParameterCount, row["memory_bytes"]![other]!["weights, narrow copy"]!.GetValue<long>());
        Assert.AreEqual(0, row["longest_rollout_tokens"]![lead]!.GetValue<int>());
        Assert.IsFalse(row["largest_microbatch_tokens"]!.AsObject().ContainsKey(other));
    }

    private static JsonNode[] Json(
        string folder,
        string log) => [.. File.ReadLines(Path.Combine(folder, log)).Select(line => JsonNode.Parse(line)!)];

    private static int[] Steps(string folder, string log) => [.. Json(folder, log).Select(r => r["step"]!.GetValue<int>())];
}
