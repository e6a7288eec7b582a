using System.Text.Json.Nodes;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests.Tasks;

/// <summary>Parquet files as others published them train unchanged: two steps each, of a tiny model.</summary>
[TestClass]
public sealed class VerlFileTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("g2rl-verl-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [TestMethod]
    [DataRow("verl-digits", "verl_arith_train.parquet", "verl_arith_test.parquet")]
    [DataRow("verl", "oneshot_dsr_sub.parquet", null)]
    public void Train_PublishedParquet_TrainsTwoSteps(string set, string train, string? heldOut)
    {
        var file = SharedFolder.Require("data", train);
        var other = heldOut is null ? null : SharedFolder.Require("data", heldOut);
        var (hash, run) = (TinyRun.Hash(file), Path.Combine(root, "run"));
        string[] settings =
        [
            $"model={TextModel.Write(root)}", "steps=2", $"problems.set={set}", $"problems.settings.train={file}",
            other is null ? "problems.settings.heldOutFraction=0.02" : $"problems.settings.heldOut={other}",
            "problems.tooLong=skip", "sampling.promptsPerStep=4", "sampling.groupSize=4", "sampling.maxPromptTokens=400",
            "sampling.maxNewTokens=8", "evaluation.problems=4", "evaluation.samples=2", "logging.rolloutsEvery=1",
            "training.checkpointEvery=1", "execution.threads=1",
        ];
        G2rlProcess.Call(["export-and-train", "--run", run, .. settings.SelectMany(s => new[] { "--set", s })]).Exits(0);
        Assert.AreEqual(hash, TinyRun.Hash(file), "the file is as it was");
        Assert.HasCount(2, File.ReadAllLines(Path.Combine(run, "metrics.jsonl")));
        var rollouts = Directory.GetFiles(Path.Combine(run, "rollouts"))
            .SelectMany(File.ReadLines)
            .Select(l => JsonNode.Parse(l)!)
            .ToArray();
        Assert.HasCount(32, rollouts);
        // The digits that are asked for may be none.
        Assert.IsTrue(rollouts.Any(r => ((string)r["answer"]!).Length > 0));
        foreach (var rollout in rollouts)
        {
            // The id names the row.
            Assert.StartsWith(train, (string)rollout["problem"]!);
            Assert.AreEqual("Score", (string)rollout["outcome"]!);
        }
        Assert.IsTrue(File.Exists(Path.Combine(run, "model", "model.safetensors")));
    }
}
