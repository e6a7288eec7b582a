using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Tools.KillAndResume;

/// <summary>What a finished run left: everything that its seed decides.</summary>
internal sealed record RunResult(
    string[] Metrics,
    string[] Evaluations,
    string[] Rollouts,
    string ModelHash,
    string CheckpointHash,
    string OptimizerHash)
{
    /// <summary>Reads a run's folder.</summary>
    public static RunResult Read(string folder)
    {
        var checkpoint = Path.Combine(folder, "checkpoints", LastCheckpoint(folder));
        return new(
            Rows(Path.Combine(folder, "metrics.jsonl")),
            Rows(Path.Combine(folder, "evaluations.jsonl")),
            Files(Path.Combine(folder, "rollouts")),
            Hash(Path.Combine(folder, "model", "model.safetensors")),
            Hash(Path.Combine(checkpoint, "model.safetensors")),
            Hash(Path.Combine(checkpoint, "optimizer.safetensors")));
    }

    /// <summary>Whether exported model, last weights and optimizer state have the same bytes.</summary>
    public bool SameWeights(RunResult other) =>
        (ModelHash, CheckpointHash, OptimizerHash) == (other.ModelHash, other.CheckpointHash, other.OptimizerHash);

    /// <summary>Whole rows of metrics.jsonl.</summary>
    public static int StepsLogged(string folder)
    {
        var path = Path.Combine(folder, "metrics.jsonl");
        return File.Exists(path) ? File.ReadAllText(path).Count(c => c == '\n') : 0;
    }

    /// <summary>Whether an evaluation is due after the steps that are logged, and not there.</summary>
    public static bool IsEvaluating(string folder)
    {
        var config = Path.Combine(folder, "config.json");
        if (!File.Exists(config))
            return false;
        var (settings, steps) = (JsonNode.Parse(File.ReadAllText(config))!, StepsLogged(folder));
        var every = (int)settings["evaluation"]!["every"]!;
        var log = Path.Combine(folder, "evaluations.jsonl");
        var last = File.Exists(log) ? File.ReadLines(log).Select(l => (int)JsonNode.Parse(l)!["step"]!).DefaultIfEmpty(-1).Last() : -1;
        return (steps == 0 || steps == (int)settings["steps"]! || (every > 0 && steps % every == 0)) && last < steps;
    }

    /// <summary>Name of the newest checkpoint.</summary>
    public static string LastCheckpoint(string folder)
    {
        var path = Path.Combine(folder, "checkpoints");
        return Directory.Exists(path)
            ? Directory.GetDirectories(path, "step-*").Select(d => Path.GetFileName(d)!).Max(StringComparer.Ordinal) ?? "none"
            : "none";
    }

    // Without what depends on the clock.
    private static string[] Rows(string path) => [.. File.ReadLines(path).Select(line =>
    {
        var row = JsonNode.Parse(line)!.AsObject();
        RemoveTimes(row);
        return row.ToJsonString();
    })];

    // Those of a benchmark, which is an object in the row, too.
    private static void RemoveTimes(JsonObject row)
    {
        foreach (var (name, value) in row.ToArray())
        {
            if (name == "seconds" || name.Split('/')[0] is "time" or "speed")
                row.Remove(name);
            else if (value is JsonObject inner)
                RemoveTimes(inner);
        }
    }

    private static string[] Files(string folder) => Directory.Exists(folder)
        ? [.. Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(f => $"{Path.GetFileName(f)} {Hash(f)}")]
        : [];

    private static string Hash(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
