using System.Diagnostics;
using System.Text.Json;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>JSONL files of {"text", "ids"}: a tokenizer must give exactly these ids.</summary>
internal static class TokenizerCases
{
    /// <summary>Whether a file's name says that it may hold such rows.</summary>
    public static bool IsFile(string path) => path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase);

    /// <summary>Runs the rows of a file; null when its first row has no text and ids.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <exception cref="InputException">The file cannot be read, or a row is no JSON object with a text and ids.</exception>
    public static FileResult? Run(string path, Tokenizer tokenizer)
    {
        string[] lines = [.. InputFile.Lines(path)];
        var results = new List<CaseResult>();
        for (var i = 0; i < lines.Length; i++)
        {
            if (string.IsNullOrWhiteSpace(lines[i]))
                continue;
            var started = Stopwatch.GetTimestamp();
            var (text, ids) = Row(lines[i], $"{path}, line {i + 1}");
            if (text is null || ids is null)
                return results.Count == 0
                    ? null
                    : throw new InputException($"{path}, line {i + 1}: a row is {{\"text\": ..., \"ids\": [...]}}.");
            var actual = tokenizer.Encode(text);
            var fault = actual.AsSpan().SequenceEqual(ids)
                ? ""
                : $"gives [{string.Join(", ", actual.Take(20))}], expected [{string.Join(", ", ids.Take(20))}]";
            results.Add(new(
                $"line {i + 1}",
                "tokenizer",
                Supported: true,
                fault,
                fault.Length == 0 ? 0 : double.PositiveInfinity,
                Stopwatch.GetElapsedTime(started).TotalSeconds));
        }
        return results.Count == 0 ? null : new(path, results);
    }

    private static (string? Text, int[]? Ids) Row(string line, string source)
    {
        try
        {
            using var row = JsonDocument.Parse(line);
            var root = row.RootElement;
            if (root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty("text", out var text)
                || !root.TryGetProperty("ids", out var ids)
                || text.ValueKind != JsonValueKind.String
                || ids.ValueKind != JsonValueKind.Array)
                return (null, null);
            return (text.GetString(), [.. ids.EnumerateArray().Select(id => id.GetInt32())]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InputException($"{source} cannot be read: {e.Message}", e);
        }
    }
}
