using System.Text.Json;

namespace G2RL.Onnx.Reports.Viewing;

/// <summary>A logged rollout without its texts: where its row lies, and what it is filtered and sorted by.</summary>
/// <param name="File">Index of the file.</param>
/// <param name="Offset">First byte of the row.</param>
/// <param name="Length">Bytes of the row, without its line's end.</param>
/// <param name="Step">The step, counted from 1.</param>
internal sealed record RolloutEntry(int File, long Offset, int Length, int Step)
{
    /// <summary>Index of its problem's name.</summary>
    public int Problem { get; init; }

    /// <summary>Index of its group in the step.</summary>
    public int Group { get; init; }

    /// <summary>Index in its group.</summary>
    public int Sample { get; init; }

    /// <summary>right, wrong or unjudged.</summary>
    public string Kind { get; init; } = "unjudged";

    /// <summary>Whether the limit on tokens cut it off.</summary>
    public bool Cut { get; init; }

    /// <summary>Reward; null without one.</summary>
    public double? Reward { get; init; }

    /// <summary>Novelty; null without one.</summary>
    public double? Novelty { get; init; }

    /// <summary>Advantage; null without one.</summary>
    public double? Advantage { get; init; }

    /// <summary>Tokens of the response.</summary>
    public int Tokens { get; init; }

    /// <summary>Reads a row; null when it is no JSON object.</summary>
    /// <param name="row">The row's bytes.</param>
    /// <param name="place">File, offset, length and step.</param>
    /// <param name="problemIndex">Gives the index of a problem's name.</param>
    public static RolloutEntry? Read(ReadOnlyMemory<byte> row, RolloutEntry place, Func<string, int> problemIndex)
    {
        try
        {
            using var document = JsonDocument.Parse(row);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            var reward = Number(root, "reward");
            return place with
            {
                Problem = problemIndex(Text(root, "problem") is { Length: > 0 } named ? named : Text(root, "prompt")),
                Group = (int)(Number(root, "prompt_index") ?? -1),
                Sample = (int)(Number(root, "sample") ?? 0),
                Kind = reward is null ? "unjudged" : reward > 0 ? "right" : "wrong",
                Cut = Text(root, "finish") == "Length",
                Reward = reward,
                Novelty = Number(root, "nu"),
                Advantage = Number(root, "advantage"),
                Tokens = (int)(Number(root, "tokens") ?? 0),
            };
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A text of a row; empty where it is missing, something else, or no Unicode.</summary>
    public static string Text(JsonElement row, string name)
    {
        try
        {
            return row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair: valid JSON, no text.
            return "";
        }
    }

    private static double? Number(JsonElement row, string name) =>
        row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number)
            && double.IsFinite(number) && Math.Abs(number) < 1e9 ? number : null;
}
