using System.Text.Json.Nodes;

namespace G2RL.Onnx.Reports;

/// <summary>A JSON object as a table of paths and values: <c>sampling.groupSize</c>, 16.</summary>
internal static class SettingsTable
{
    private const int LongestValue = 2000;

    /// <summary>Writes the table.</summary>
    public static void Write(HtmlWriter html, JsonObject settings)
    {
        using var scroll = html.Scroll("settings");
        using var table = html.Open("table", "settings");
        using var body = html.Open("tbody");
        foreach (var (path, value) in Leaves("", settings))
        {
            using var row = html.Open("tr");
            using (html.Open("th"))
                html.Foreign(path, LongestValue);
            using (html.Open("td"))
                html.Foreign(value, LongestValue);
        }
    }

    private static IEnumerable<(string Path, string Value)> Leaves(string path, JsonNode? node) => node switch
    {
        JsonObject { Count: > 0 } inner => inner.SelectMany(p => Leaves(path.Length == 0 ? p.Key : $"{path}.{p.Key}", p.Value)),
        JsonArray array => [(path, array.Count == 0 ? "none" : string.Join(", ", array.Select(Plain)))],
        JsonObject => [(path, "none")],
        _ => [(path, Plain(node))],
    };

    private static string Plain(JsonNode? node) => node switch
    {
        null => "none",
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        _ => node.ToJsonString(),
    };
}
