using System.Security.Cryptography;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>A tiny model, a problem file and a configuration of a short run in a temporary folder.</summary>
internal sealed class TinyRun : IDisposable
{
    private readonly TinyModel model = new();

    public TinyRun()
    {
        Config = Path.Combine(Root, "config.json");
        Problems = Path.Combine(Root, "problems.jsonl");
        // One digit is asked for: a random model is right now and then, so groups are mixed and there is something to learn.
        File.WriteAllLines(Problems, Enumerable.Range(0, 40).Select(i => $$"""{"prompt": "{{i}}+{{i % 7}}=", "answer": "{{i % 4}}"}"""));
        Write(Default);
    }

    /// <summary>The temporary folder.</summary>
    public string Root => model.Root;

    /// <summary>The model's folder.</summary>
    public string Model => model.Folder;

    /// <summary>The configuration's file.</summary>
    public string Config { get; }

    /// <summary>The problem file.</summary>
    public string Problems { get; }

    /// <summary>Every step makes rollouts, every second one a checkpoint, every third one an evaluation.</summary>
    public JsonObject Default => new()
    {
        ["model"] = Model,
        ["output"] = Folder("runs"),
        ["steps"] = 5,
        ["problems"] = new JsonObject
        {
            ["set"] = "jsonl",
            ["settings"] = new JsonObject
            {
                ["train"] = Problems,
                ["heldOutFraction"] = 0.5,
                ["answer"] = "lastNumber",
                ["match"] = "numeric",
                ["requireFinished"] = false,
            },
        },
        ["sampling"] = new JsonObject { ["promptsPerStep"] = 4, ["groupSize"] = 8, ["maxPromptTokens"] = 12, ["maxNewTokens"] = 6 },
        ["training"] = new JsonObject { ["learningRate"] = 1e-2, ["checkpointEvery"] = 2, ["minibatchesPerBatch"] = 2 },
        ["evaluation"] = new JsonObject { ["problems"] = 10, ["samples"] = 4, ["every"] = 3 },
        ["execution"] = new JsonObject { ["threads"] = 1 },
        ["logging"] = new JsonObject { ["rolloutsEvery"] = 1 },
    };

    /// <summary>A path in the temporary folder.</summary>
    public string Folder(string name) => Path.Combine(Root, name);

    public void Write(JsonObject config) => File.WriteAllText(Config, config.ToJsonString());

    /// <summary>The arguments of a new run in a folder.</summary>
    public string[] Train(string folder, params string[] further) => ["export-and-train", "--config", Config, "--run", folder, .. further];

    /// <summary>Rows of a log without what depends on the clock.</summary>
    public static string[] Rows(string folder, string log) => [.. File.ReadLines(Path.Combine(folder, log)).Select(line =>
    {
        var row = (JsonObject)JsonNode.Parse(line)!;
        foreach (var name in row.Select(p => p.Key).Where(n => StepMetrics.IsTiming(n) || n == "seconds").ToArray())
            row.Remove(name);
        return row.ToJsonString();
    })];

    /// <summary>
    /// Everything of a run that its seed decides: metrics, evaluations, rollouts, the final checkpoint and the exported weights.
    /// </summary>
    public static string[] Essence(string folder)
    {
        var steps = RunConfigFile.Load(Path.Combine(folder, "config.json")).Steps;
        // Weights or adapters, moments, and whatever else is needed to go on.
        var files = new[] { $"checkpoints/step-{steps:D6}", "model" }
            .SelectMany(f => Directory.EnumerateFiles(Path.Combine(folder, f), "*.safetensors", SearchOption.AllDirectories))
            .Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)
            .Concat(Directory.EnumerateFiles(Path.Combine(folder, "rollouts"))
                .Select(f => "rollouts/" + Path.GetFileName(f))
                .Order(StringComparer.Ordinal));
        return
        [
            .. Rows(folder, "metrics.jsonl"),
            .. Rows(folder, "evaluations.jsonl"),
            .. files.Select(f => $"{f} {Hash(Path.Combine(folder, f))}"),
        ];
    }

    public static string Hash(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));

    public void Dispose() => model.Dispose();
}
