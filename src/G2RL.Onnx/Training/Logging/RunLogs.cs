using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Training.Logging;

/// <summary>
/// What a run has written down, as far as it came. Every log may be missing, empty or torn at its end; only config.json makes a folder a
/// run.
/// </summary>
internal sealed class RunLogs
{
    private RunLogs(string folder, JsonObject config)
    {
        Config = config;
        Works = JsonLinesLog.Read(Path.Combine(folder, "distribution.jsonl"));
        Environment = Object(Path.Combine(folder, "environment.json"));
        Metrics = BySteps(StepNumbering.ReadMetrics(folder));
        Evaluations = BySteps(JsonLinesLog.Read(Path.Combine(folder, "evaluations.jsonl")));
        var logged = StepNumbering.RolloutFiles(folder);
        FirstRollouts = logged.Count > 0 ? [.. StepNumbering.ReadRollouts(folder, logged[0].File)] : [];
        LastRollouts = logged.Count > 1 ? [.. StepNumbering.ReadRollouts(folder, logged[^1].File)] : [];
    }

    /// <summary>The resolved configuration.</summary>
    public JsonObject Config { get; }

    /// <summary>The machine; null when it was not written.</summary>
    public JsonObject? Environment { get; }

    /// <summary>One row a step, by step; of rows with the same step the last one counts.</summary>
    public IReadOnlyList<JsonObject> Metrics { get; }

    /// <summary>One row an evaluation, by step.</summary>
    public IReadOnlyList<JsonObject> Evaluations { get; }

    /// <summary>Accounts of what workers did, in the order in which it ended; read each time that they are asked for.</summary>
    public IEnumerable<JsonObject> Works { get; }

    /// <summary>Rollouts of the first logged step.</summary>
    public IReadOnlyList<JsonObject> FirstRollouts { get; }

    /// <summary>Rollouts of the last logged step; empty when only one was logged.</summary>
    public IReadOnlyList<JsonObject> LastRollouts { get; }

    /// <summary>Steps that the run was to have.</summary>
    public int PlannedSteps => (int)(Number(Config, "steps") ?? 0);

    /// <summary>Reads a folder.</summary>
    /// <exception cref="InputException">No run there, or a configuration that is no JSON object.</exception>
    public static RunLogs Read(string folder)
    {
        var path = Path.Combine(folder, "config.json");
        if (!File.Exists(path))
            throw new InputException($"{folder} holds no run (there is no config.json). "
                + "Give the folder of a run, for example runs/20260101-120000-run.");
        return new(folder, Object(path)
            ?? throw new InputException($"{path} is no JSON object; a report needs the configuration that the run wrote there."));
    }

    /// <summary>A finite number of a row; null when it is missing, no number or not finite.</summary>
    public static double? Number(JsonObject row, string name) => row.TryGetPropertyValue(name, out var node) ? Number(node) : null;

    /// <summary>A node as a finite number, or null.</summary>
    public static double? Number(JsonNode? node) =>
        node is not JsonValue value ? null
        : value.TryGetValue<double>(out var number) ? (double.IsFinite(number) ? number : null)
        // A whole number that this process made, not one that it read.
        : value.TryGetValue<int>(out var whole) ? whole
        : value.TryGetValue<long>(out var large) ? large
        : null;

    /// <summary>A text of a row; empty when it is missing or something else.</summary>
    public static string Text(JsonObject row, string name)
    {
        try
        {
            return row.TryGetPropertyValue(name, out var node) && node is JsonValue value && value.TryGetValue<string>(out var text)
                ? text
                : "";
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair: valid JSON, no text.
            return "";
        }
    }

    internal static JsonObject? Object(string path)
    {
        try
        {
            return File.Exists(path) ? JsonNode.Parse(
                File.ReadAllText(path),
                documentOptions: new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonObject[] BySteps(IEnumerable<JsonObject> rows) =>
        [.. rows.Where(r => Number(r, "step") is not null)
            .GroupBy(r => Number(r, "step")!.Value)
            .OrderBy(g => g.Key)
            .Select(g => g.Last())];
}
