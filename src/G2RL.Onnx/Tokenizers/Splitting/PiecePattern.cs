using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace G2RL.Onnx.Tokenizers.Splitting;

/// <summary>What a pre-tokenizer looks for in a text: a regular expression, or a text as it stands.</summary>
/// <remarks>
/// .NET's expressions see UTF-16 code units; the reference sees Unicode characters. A text with characters beyond U+FFFF is therefore
/// matched through a stand-in in which each such character is one code unit of the same general category, which is all that the admitted
/// patterns can tell apart.
/// </remarks>
/// <param name="pattern">An expression that has been checked, or a text.</param>
/// <param name="literal">Whether it is a text.</param>
internal sealed class PiecePattern(string pattern, bool literal = false)
{
    private static readonly char[] StandIns = FindStandIns();

    // Compiled when first used: most readers of a tokenizer never encode.
    private readonly Lazy<Regex?> regex = new(() => literal ? null : Create(pattern, RegexOptions.Compiled));
    private readonly bool ignoresCase = pattern.Contains("(?i", StringComparison.Ordinal);

    /// <summary>Checks an expression of a file.</summary>
    /// <exception cref="InputException">The pattern is not an expression, or uses what means something else in the reference's expressions
    /// (Oniguruma).</exception>
    public static PiecePattern Read(TokenizerJson file, string pattern, string name)
    {
        if (Portability.Problem(pattern) is { } problem)
            throw file.Fault($"{name} is '{pattern}'; {problem} is not implemented.");
        try
        {
            Create(pattern, RegexOptions.None);
        }
        catch (ArgumentException e)
        {
            throw new InputException(
                $"{file.Fault($"{name} is '{pattern}', which is not a regular expression that .NET understands").Message}: {e.Message}",
                e);
        }

        return new PiecePattern(pattern);
    }

    /// <summary>The matches in order; none is empty.</summary>
    /// <exception cref="RegexMatchTimeoutException">The expression takes longer than ten seconds.</exception>
    public List<(int Start, int End)> Matches(ReadOnlySpan<char> text)
    {
        var found = new List<(int Start, int End)>(literal ? 0 : (text.Length / 4) + 1);
        if (literal)
        {
            for (var at = 0; text[at..].IndexOf(pattern) is var next and >= 0; at += pattern.Length)
            {
                at += next;
                found.Add((at, at + pattern.Length));
            }

            return found;
        }

        if (!Needs(text))
        {
            foreach (var match in regex.Value!.EnumerateMatches(text))
                if (match.Length > 0)
                    found.Add((match.Index, match.Index + match.Length));
            return found;
        }

        var (standIn, offsets) = StandIn(text);
        foreach (var match in regex.Value!.EnumerateMatches(standIn))
            if (match.Length > 0)
                found.Add((offsets[match.Index], offsets[match.Index + match.Length]));
        return found;
    }

    private bool Needs(ReadOnlySpan<char> text) => text.ContainsAnyInRange('\uD800', '\uDFFF') || (ignoresCase && text.Contains('\u017F'));

    // Offsets[i] is where the stand-in's code unit i begins in the text.
    private (string Text, int[] Offsets) StandIn(ReadOnlySpan<char> text)
    {
        var units = new StringBuilder(text.Length);
        var offsets = new List<int>(text.Length + 1);
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            offsets.Add(at);
            at += rune.Utf16SequenceLength;
            // Case folding makes U+017F equal to s; .NET's invariant casing does not know that.
            units.Append(!rune.IsBmp
                ? StandIns[(int)Rune.GetUnicodeCategory(rune)]
                : ignoresCase && rune.Value == '\u017F' ? 's'
                : (char)rune.Value);
        }

        offsets.Add(at);
        return (units.ToString(), [.. offsets]);
    }

    // The last code unit of each category: far from anything that a pattern names literally, and without a case partner in ASCII.
    private static char[] FindStandIns()
    {
        var found = new char[30];
        for (var c = 0xFFFF; c >= 0x80; c--)
        {
            ref var slot = ref found[(int)CharUnicodeInfo.GetUnicodeCategory((char)c)];
            if (slot == '\0')
                slot = (char)c;
        }

        return found;
    }

    private static Regex Create(string pattern, RegexOptions options) =>
        new(pattern, RegexOptions.CultureInvariant | options, TimeSpan.FromSeconds(10));

    // Oniguruma and .NET read these alike; anything else might differ in silence.
    private static class Portability
    {
        private static readonly string[] Groups = ["(?:", "(?=", "(?!", "(?i:"];

        public static string? Problem(string pattern)
        {
            if (pattern.Length > 4096)
                return "a pattern of more than 4096 characters";
            var inClass = false;
            for (var i = 0; i < pattern.Length; i++)
            {
                var rest = pattern.Substring(i, Math.Min(4, pattern.Length - i));
                switch (pattern[i])
                {
                    case '\\':
                        if (i + 1 == pattern.Length)
                            return "a trailing backslash";
                        var escaped = pattern[++i];
                        if (escaped is 'p' or 'P')
                        {
                            var close = pattern.IndexOf('}', i);
                            var category = close > i + 2 && pattern[i + 1] == '{' ? pattern[(i + 2)..close] : "";
                            if (category.Length is < 1 or > 2)
                                return $"'\\{escaped}{{{category}}}' (only general categories such as \\p{{L}} or \\p{{Nd}})";
                            i = close;
                        }
                        else if (char.IsAsciiLetterOrDigit(escaped) && escaped is not ('s' or 'S' or 'd' or 'D' or 'r' or 'n' or 't'))
                        {
                            return $"'\\{escaped}'";
                        }

                        break;
                    case '[' when inClass: return "a class inside a class";
                    case '[': inClass = true; break;
                    case ']': inClass = false; break;
                    case '&' when inClass && rest.StartsWith("&&", StringComparison.Ordinal): return "'&&' in a class";
                    case '^' when inClass && pattern[i - 1] == '[': break;
                    case '^' or '$' when !inClass: return $"'{pattern[i]}'";
                    case '(' when !inClass
                        && rest.StartsWith("(?", StringComparison.Ordinal)
                        && !Groups.Any(g => rest.StartsWith(g, StringComparison.Ordinal)):
                        return $"the group '{rest}'";
                    case >= '\uD800' and <= '\uDFFF': return "a literal character beyond U+FFFF";
                    default: break;
                }
            }

            return null;
        }
    }
}
