using System.Text.Json.Nodes;
using G2RL.Onnx.Cli.Tests;

namespace G2RL.Onnx.Cluster.Tests;

[TestClass]
public sealed class CompareTests
{
    [TestMethod]
    public void Compare_OverTwoWorkers_GivesTheRunsOfOneProcess()
    {
        using var tiny = new TinyRun();
        var run = tiny.Default;
        run["steps"] = 3;
        // An experiment says itself where its runs lie.
        run.Remove("output");
        var file = tiny.Folder("experiment.json");
        File.WriteAllText(file, new JsonObject
        {
            ["name"] = "tiny",
            ["run"] = run,
            ["arms"] = new JsonArray(Arm("grpo"), Arm("g2rl")),
            ["seeds"] = new JsonArray(1, 2),
        }.ToJsonString());
        G2rlProcess.Call("compare", file, "--output", tiny.Folder("alone")).Exits(0);
        G2rlProcess.Run(
            "compare", file, "--output", tiny.Folder("shared"), "--set", $"distribution.membership=folder:{SharedWorkers.Members}",
            "--set", "distribution.workers=2", "--set", "distribution.whenAlone=stop").Exits(0);
        foreach (var folder in Directory.EnumerateDirectories(tiny.Folder("alone"), "seed-*", SearchOption.AllDirectories))
        {
            var other = Path.Combine(tiny.Folder("shared"), Path.GetRelativePath(tiny.Folder("alone"), folder));
            foreach (var log in new[] { "metrics.jsonl", "evaluations.jsonl" })
                CollectionAssert.AreEqual(TinyRun.Rows(folder, log), TinyRun.Rows(other, log), folder);
            foreach (var weights in Directory.EnumerateFiles(folder, "*.safetensors", SearchOption.AllDirectories))
                Assert.AreEqual(
                    TinyRun.Hash(weights),
                    TinyRun.Hash(Path.Combine(other, Path.GetRelativePath(folder, weights))),
                    weights);
        }
    }

    [TestMethod]
    public void Compare_OtherSettings_AreRefused() =>
        G2rlProcess.Call("compare", Path.Combine(TestSupport.SharedFolder.Root, "docs/results/miniature.json"), "--set", "steps=3")
            .Refuses("distribution.* alone");

    private static JsonObject Arm(string algorithm) =>
        new() { ["name"] = algorithm, ["settings"] = new JsonObject { ["algorithm"] = new JsonObject { ["name"] = algorithm } } };
}
