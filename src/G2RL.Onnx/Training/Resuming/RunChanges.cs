using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Resuming;

/// <summary>
/// changes.jsonl of a run: what was another one from some step on. A row a resumption that found anything; settings and machine as [before,
/// after].
/// </summary>
internal static class RunChanges
{
    /// <summary>Its name.</summary>
    public const string FileName = "changes.jsonl";

    /// <summary>Appends a row, unless there is nothing to tell.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="step">Steps that were done before.</param>
    /// <param name="settings">Settings.</param>
    /// <param name="environment">The machine and the software.</param>
    /// <param name="inputs">Files and what they mean, in words.</param>
    public static void Append(
        string folder,
        int step,
        IReadOnlyList<SettingChange> settings,
        IReadOnlyList<SettingChange> environment,
        IReadOnlyList<string> inputs)
    {
        if (settings.Count + environment.Count + inputs.Count == 0)
            return;
        var row = new JsonObject { ["step"] = step };
        if (settings.Count > 0)
            row["settings"] = Pairs(settings);
        if (environment.Count > 0)
            row["environment"] = Pairs(environment);
        if (inputs.Count > 0)
            row["inputs"] = new JsonArray([.. inputs.Select(i => (JsonNode)i)]);
        var path = Path.Combine(folder, FileName);
        JsonLinesLog.Append(path, row);
        DurableFile.Flush(path);
    }

    /// <summary>The machine that the last life of a run was on: the first one's description with every change since.</summary>
    public static JsonObject Environment(string folder, JsonObject first)
    {
        foreach (var row in JsonLinesLog.Read(Path.Combine(folder, FileName)))
            if (row["environment"] is JsonObject changes)
                foreach (var (name, pair) in changes)
                    if (pair is JsonArray { Count: 2 })
                        first[name] = pair[1]?.DeepClone();
        return first;
    }

    /// <summary>The last step at which a setting became another one; 0 when it never did.</summary>
    public static int LastOf(string folder, string setting) => JsonLinesLog.Read(Path.Combine(folder, FileName))
        .Where(row => (row["settings"] as JsonObject)?.ContainsKey(setting) == true).Select(JsonLinesLog.StepOf).LastOrDefault() ?? 0;

    private static JsonObject Pairs(IReadOnlyList<SettingChange> changes) =>
        new(changes.Select(c => KeyValuePair.Create<string, JsonNode?>(c.Name, new JsonArray(Parsed(c.From), Parsed(c.To)))));

    private static JsonNode? Parsed(string json) => json == "(none)" ? null : JsonNode.Parse(json);
}
