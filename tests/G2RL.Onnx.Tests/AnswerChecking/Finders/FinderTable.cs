using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>What is found in a text: a line a case, "text => found"; ~ is none, and ↵ a new line.</summary>
internal static class FinderTable
{
    /// <summary>What a source finds, its candidates in order.</summary>
    public static string Found(AnswerSource source, string text, AnswerPolicy policy) =>
        string.Join(" | ", Extractor.Find(source, text, policy));

    /// <summary>Tries all lines, so that a failure names every line at fault.</summary>
    public static void Finds(Func<string, string?> find, string table)
    {
        var faults = new List<string>();
        foreach (var line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var at = line.LastIndexOf("=>", StringComparison.Ordinal);
            var (text, expected) = (line[..at].TrimEnd().Replace('↵', '\n'), line[(at + 2)..].Trim().Replace('↵', '\n'));
            var found = find(text);
            if ((found ?? "~") != expected && !(expected == "~" && found == ""))
                faults.Add($"{line}   gives {found ?? "none"}");
        }
        Assert.IsEmpty(faults, string.Join('\n', faults));
    }
}
