using System.Text;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>
/// The normal spelling that the MATH benchmark's scoring script compares: no spaces, units, signs of currency or percent; \frac and \sqrt
/// with braces;
/// 0.5 and a/b as fractions. Two answers are the same when their spellings are. Source: Hendrycks et al., arXiv:2103.03874, its published
/// evaluation.
/// </summary>
internal static class MathSpelling
{
    private const int Longest = 10_000;

    private static readonly (string From, string To)[] Replacements =
    [
        ("\n", ""), ("\\!", ""), ("\\\\", "\\"), ("tfrac", "frac"), ("dfrac", "frac"), ("\\left", ""), ("\\right", ""), ("^{\\circ}", ""),
        ("^\\circ", ""), ("\\$", ""), ("$", ""),
    ];

    /// <summary>The normal spelling of an answer. Linear in its length.</summary>
    public static string Normalize(string answer)
    {
        var text = (answer.Length > Longest ? answer[..Longest] : answer).Trim();
        foreach (var (from, to) in Replacements)
            text = text.Replace(from, to, StringComparison.Ordinal);
        var unit = text.IndexOf("\\text{ ", StringComparison.Ordinal);
        if (unit >= 0)
            text = text[..unit];
        text = text.Replace("\\%", "", StringComparison.Ordinal).Replace("%", "", StringComparison.Ordinal);
        text = text.Replace(" .", " 0.", StringComparison.Ordinal).Replace("{.", "{0.", StringComparison.Ordinal);
        if (text.StartsWith('.'))
            text = "0" + text;
        // "k = 5" and "xy=5": a name of at most two characters, the space behind it included.
        var equals = text.IndexOf('=');
        if (equals is >= 0 and <= 2 && text.LastIndexOf('=') == equals)
            text = text[(equals + 1)..];
        text = Arguments(Arguments(text.Replace(" ", "", StringComparison.Ordinal).Trim(), "\\sqrt", 1), "\\frac", 2);
        if (text == "0.5")
            return "\\frac{1}{2}";
        var slash = text.IndexOf('/');
        return slash > 0 && IsWhole(text.AsSpan(0, slash)) && IsWhole(text.AsSpan(slash + 1))
            ? $"\\frac{{{text[..slash]}}}{{{text[(slash + 1)..]}}}" : text;
    }

    private static bool IsWhole(ReadOnlySpan<char> text) =>
        (text.StartsWith("-") ? text[1..] : text) is { IsEmpty: false } digits && !digits.ContainsAnyExceptInRange('0', '9');

    // Puts braces around the single characters that a command takes as its arguments. One that begins with braces is left as it is
    // written, and what stands in them is looked at like anything else.
    private static string Arguments(string text, string command, int count)
    {
        var result = new StringBuilder(text.Length + 8);
        for (var i = 0; i < text.Length;)
        {
            if (!text.AsSpan(i).StartsWith(command))
            {
                result.Append(text[i++]);
                continue;
            }

            result.Append(command);
            i += command.Length;
            for (var argument = 0; argument < count && i < text.Length && text[i] is not ('{' or '['); argument++)
                result.Append('{').Append(text[i++]).Append('}');
        }

        return result.ToString();
    }
}
