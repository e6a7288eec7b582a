using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Reports.Viewing;

/// <summary>Rollouts as the page's script reads them.</summary>
internal static class RolloutJson
{
    private const int Untouched = 1 << 16;

    private static readonly string[] PerToken = ["pieces", "log_probs", "entropies", "weights"];

    /// <summary>Columns of the index, one array each, for ids from a place on; or of chosen ids.</summary>
    public static string Columns(RolloutIndex index, IReadOnlyList<int> ids, int from)
    {
        var json = new StringBuilder();
        json.Append(CultureInfo.InvariantCulture, $"{{\"generation\":{index.Generation},\"from\":{from},\"of\":{index.Entries.Count}");
        void Column(string name, Func<RolloutEntry, string> value) =>
            json.Append(",\"").Append(name).Append("\":[").AppendJoin(',', ids.Select(i => value(index.Entries[i]))).Append(']');
        Column("step", e => Text(e.Step));
        Column("problem", e => Text(e.Problem));
        Column("group", e => Text(e.Group));
        Column("sample", e => Text(e.Sample));
        Column("kind", e => $"\"{e.Kind}\"");
        Column("cut", e => e.Cut ? "1" : "0");
        Column("reward", e => Text(e.Reward));
        Column("nu", e => Text(e.Novelty));
        Column("advantage", e => Text(e.Advantage));
        Column("tokens", e => Text(e.Tokens));
        json.Append(",\"problems\":").Append(new JsonArray([.. index.Problems.Select(p => JsonValue.Create(Cut(p, 400)))]).ToJsonString());
        return json.Append('}').ToString();
    }

    /// <summary>
    /// A row of the log, as JSON that may stand anywhere in a page: pure ASCII, without a sign of markup. What is long is cut, with a word
    /// on how much.
    /// </summary>
    /// <param name="row">The row, valid JSON.</param>
    /// <param name="longest">Characters and tokens that are kept.</param>
    public static string Row(ReadOnlySpan<byte> row, int longest)
    {
        var text = Encoding.UTF8.GetString(row);
        return Inert(row.Length <= Math.Min(Untouched, longest) ? text : Shortened(text, longest));
    }

    /// <summary>JSON in which every character that is not plain is escaped; such characters stand only in texts.</summary>
    public static string Inert(string json)
    {
        var inert = new StringBuilder(json.Length);
        foreach (var c in json)
            if (c is '<' or '>' or '&' or '\'' or >= '\u007f')
                inert.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                inert.Append(c);
        return inert.ToString();
    }

    private static string Shortened(string json, int longest)
    {
        var row = JsonNode.Parse(json)!.AsObject();
        foreach (var (name, node) in row.ToList())
            if (node is JsonValue value && value.TryGetValue<string>(out var text) && text.Length > longest)
            {
                row[name] = Cut(text, longest);
                row[$"{name}_more"] = text.Length - longest;
            }
        if (row["pieces"] is JsonArray pieces)
        {
            var (kept, characters) = (0, 0);
            while (kept < pieces.Count && (characters += pieces[kept]?.ToString().Length ?? 0) <= longest && kept < longest / 4)
                kept++;
            if (kept < pieces.Count)
            {
                row["tokens_more"] = pieces.Count - kept;
                foreach (var array in PerToken.Select(n => row[n] as JsonArray).OfType<JsonArray>())
                    array.RemoveRange(Math.Min(kept, array.Count), Math.Max(0, array.Count - kept));
            }
        }
        return row.ToJsonString();
    }

    private static string Cut(string text, int longest) => text.Length <= longest
        ? text
        : text[..(longest - (char.IsHighSurrogate(text[longest - 1]) ? 1 : 0))];

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(double? value) => value is { } number ? number.ToString("0.####", CultureInfo.InvariantCulture) : "null";
}
