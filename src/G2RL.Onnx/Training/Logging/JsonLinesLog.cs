using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Checkpointing;

namespace G2RL.Onnx.Training.Logging;

/// <summary>Append-only JSON Lines, one row a line, each with a "step".</summary>
internal static class JsonLinesLog
{
    /// <summary>One line, text as it is.</summary>
    public static JsonSerializerOptions Compact { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Appends a row and hands it to the operating system at once.</summary>
    public static void Append(string path, JsonObject row)
    {
        using var stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        stream.Write(Encoding.UTF8.GetBytes(row.ToJsonString(Compact) + "\n"));
    }

    /// <summary>Rows that are whole; a torn last line is passed over.</summary>
    public static IEnumerable<JsonObject> Read(string path)
    {
        if (!File.Exists(path))
            yield break;
        foreach (var line in File.ReadLines(path))
        {
            JsonObject? row;
            try
            {
                row = JsonNode.Parse(line) as JsonObject;
            }
            catch (JsonException)
            {
                row = null;
            }
            if (row is not null)
                yield return row;
        }
    }

    /// <summary>The step that a row belongs to; null for a row that is none of ours.</summary>
    public static int? StepOf(JsonObject row) => row["step"] is JsonValue value && value.TryGetValue<int>(out var step) ? step : null;

    /// <summary>Rows as the text of a log.</summary>
    public static string Lines(IEnumerable<JsonObject> rows) => string.Concat(rows.Select(r => r.ToJsonString(Compact) + "\n"));

    /// <summary>Keeps the rows whose step passes.</summary>
    public static void Rewind(string path, Func<int, bool> keep)
    {
        if (!File.Exists(path))
            return;
        var rows = Read(path).Where(r => StepOf(r) is { } step && keep(step)).ToList();
        DurableFile.Write(path, Lines(rows));
    }
}
