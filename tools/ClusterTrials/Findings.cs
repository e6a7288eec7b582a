using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>What trials found: printed as it comes, kept in a file, and a table of a page.</summary>
internal static class Findings
{
    private const string Begin = "<!-- trials -->";
    private const string Load = "/proc/loadavg";
    private const string End = "<!-- end of trials -->";
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The file that keeps them, a JSON object a line; null for none.</summary>
    public static string? File { get; set; }

    /// <summary>The part that they belong to.</summary>
    public static string Part { get; set; } = "";

    /// <summary>Tells and keeps one.</summary>
    /// <returns>Whether its bound held.</returns>
    public static bool Say(string trial, string result, bool isWell = true)
    {
        Console.WriteLine($"| {trial} | {result} | {(isWell ? "yes" : "**no**")} |");
        if (File is { } file)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file))!);
            var row = new JsonObject { ["part"] = Part, ["trial"] = trial, ["result"] = result, ["holds"] = isWell };
            // How much else the machine did, where it says so.
            if (System.IO.File.Exists(Load))
                row["load"] = System.IO.File.ReadAllText(Load).Split(' ')[0];
            System.IO.File.AppendAllText(file, row.ToJsonString(Readable) + "\n");
        }
        return isWell;
    }

    /// <summary>Puts a file's findings between the marks of a page: of each trial the last.</summary>
    public static int Table(string file, string page)
    {
        var rows = System.IO.File.ReadLines(file).Select(l => JsonNode.Parse(l)!.AsObject()).ToArray();
        var text = new StringBuilder(Begin).Append('\n');
        foreach (var part in rows.GroupBy(r => (string)r["part"]!))
        {
            text.Append($"\n### {part.Key}\n\n| trial | result | holds | load |\n|---|---|---|---:|\n");
            foreach (var row in part.GroupBy(r => (string)r["trial"]!).Select(g => g.Last()))
                text.Append($"| {row["trial"]} | {row["result"]} | {((bool)row["holds"]! ? "yes" : "**no**")} | {row["load"]} |\n");
        }
        text.Append('\n').Append(End);
        var old = System.IO.File.ReadAllText(page);
        var (from, to) = (old.IndexOf(Begin, StringComparison.Ordinal), old.IndexOf(End, StringComparison.Ordinal));
        if (from < 0 || to < from)
            throw new InvalidDataException($"{page} has no lines '{Begin}' and '{End}' around the table.");
        System.IO.File.WriteAllText(page, old[..from] + text + old[(to + End.Length)..]);
        return 0;
    }
}
