using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Experiments;

/// <summary>The rows of results.jsonl: base, arm, seed, the evaluation after training, what training was like, and the geometry.</summary>
internal static class ExperimentRows
{
    /// <summary>Numbers of training: name in the row, metric, and whether the last tenth of the steps is averaged or all of them.</summary>
    private static readonly (string Name, string Metric, bool Last)[] OfTraining =
    [
        ("entropy_nats", "policy/sampling_entropy_nats", true),
        ("kl_nats", "policy/kl_nats", true),
        ("train_right_share", "reward/right_share", true),
        ("clip_share", "policy/clip_share", false),
        ("homogeneous_share", "reward/homogeneous_share", false),
    ];

    /// <summary>One row.</summary>
    public static JsonObject Of(
        string start,
        string arm,
        ulong? seed,
        JsonObject evaluation,
        IReadOnlyList<JsonObject> metrics,
        IReadOnlyList<JsonObject> geometry)
    {
        var row = new JsonObject { ["base"] = start, ["arm"] = arm, ["seed"] = seed };
        foreach (var (name, value) in evaluation.Where(e => e.Value is not JsonArray and not JsonObject))
            row[name] = value?.DeepClone();
        foreach (var (benchmark, result) in evaluation["benchmarks"] as JsonObject ?? [])
            foreach (var name in OfBenchmark((JsonObject)result!))
                row[$"{benchmark} {name}"] = result![name]?.DeepClone();
        var seconds = RunLogs.Number(evaluation, "seconds") ?? 0;
        foreach (var (name, metric, last) in OfTraining)
        {
            var values = metrics.Select(m => RunLogs.Number(m, metric)).OfType<double>().ToArray();
            if (values.Length > 0)
                row[name] = (last ? values[^((values.Length + 9) / 10)..] : values).Average();
        }
        if (metrics.Count > 0)
            row["training_seconds"] = metrics.Sum(m => RunLogs.Number(m, "time/step_s") ?? 0);
        row.Remove("seconds");
        row["evaluation_seconds"] = seconds;
        if (geometry.Count > 0)
            row["geometry"] = new JsonArray([.. geometry.Select(g => g.DeepClone())]);
        return row;
    }

    /// <summary>The metrics that a table is made of, those of the comparison first.</summary>
    public static IReadOnlyList<string> Metrics(JsonObject row)
    {
        var samples = row["samples"]?.ToJsonString() ?? "1";
        string[] all = ["pass@1", $"maj@{samples}", $"pass@{samples}", "pass@1_well_formed", "well_formed", "response_length",
            .. OfTraining.Select(t => t.Name)];
        return [.. all.Concat(row.Select(p => p.Key).Where(k => k.Contains(' ', StringComparison.Ordinal))).Distinct()];
    }

    // A benchmark has its own number of samples.
    private static IEnumerable<string> OfBenchmark(JsonObject result)
    {
        var samples = result["samples"]?.ToJsonString() ?? "1";
        return new[] { "pass@1", $"maj@{samples}", $"pass@{samples}", "unparseable" }.Distinct();
    }

    /// <summary>Whether a metric is a share, shown in percent.</summary>
    public static bool IsShare(string metric) => metric.Contains('@', StringComparison.Ordinal)
        || metric is "well_formed"
        || metric.EndsWith("unparseable", StringComparison.Ordinal)
        || metric.EndsWith("_share", StringComparison.Ordinal);
}
