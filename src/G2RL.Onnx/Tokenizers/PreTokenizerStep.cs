using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace G2RL.Onnx.Tokenizers;

/// <summary>One step of a pre-tokenizer: cuts a piece of text into smaller pieces; merges never cross a cut.</summary>
/// <remarks>
/// .NET's expressions see UTF-16 code units; the reference sees Unicode characters. A text with characters beyond U+FFFF is therefore matched through a
/// stand-in in which each such character is one code unit of the same general category, which is all that the admitted patterns can tell apart.
/// </remarks>
internal sealed class PreTokenizerStep
{
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private static readonly char[] StandIns = FindStandIns();

    private readonly Regex? _regex;
    private readonly bool _prefixSpace;
    private readonly bool _ignoresCase;

    private PreTokenizerStep(Regex? regex, bool prefixSpace, bool ignoresCase) => (_regex, _prefixSpace, _ignoresCase) = (regex, prefixSpace, ignoresCase);

    /// <summary>Cuts at both ends of every match.</summary>
    /// <exception cref="InputException">The pattern is not an expression, or uses what means something else in the reference's expressions (Oniguruma).</exception>
    public static PreTokenizerStep Split(string pattern, TokenizerFile file, string name)
    {
        if (Portability.Problem(pattern) is { } problem)
            throw file.Fault($"{name} is '{pattern}'; {problem} is not implemented.");
        try
        {
            return new PreTokenizerStep(Compile(pattern), false, pattern.Contains("(?i", StringComparison.Ordinal));
        }
        catch (ArgumentException e)
        {
            throw new InputException($"{file.Fault($"{name} is '{pattern}', which is not a regular expression that .NET understands").Message}: {e.Message}", e);
        }
    }

    /// <summary>Cuts at both ends of every occurrence of a text.</summary>
    public static PreTokenizerStep Literal(string text) => new(Compile(Regex.Escape(text)), false, false);

    /// <summary>What comes before the spelling as bytes: a space in front, and GPT-2's cuts.</summary>
    public static PreTokenizerStep ByteLevel(bool addPrefixSpace, bool useRegex) => new(useRegex ? Compile(Gpt2) : null, addPrefixSpace, false);

    /// <summary>Cuts each of the pieces.</summary>
    /// <exception cref="RegexMatchTimeoutException">The file's pattern takes longer than ten seconds on one piece.</exception>
    public List<string> Cut(List<string> pieces)
    {
        var result = new List<string>(pieces.Count);
        foreach (var piece in pieces)
        {
            var text = _prefixSpace && piece[0] != ' ' ? " " + piece : piece;
            if (_regex is null)
                result.Add(text);
            else
                Cut(text, result);
        }

        return result;
    }

    private void Cut(string text, List<string> result)
    {
        var (standIn, offsets) = StandIn(text);
        var done = 0;
        foreach (var match in _regex!.EnumerateMatches(standIn))
        {
            var (start, end) = (Original(match.Index), Original(match.Index + match.Length));
            if (start > done)
                result.Add(text[done..start]);
            if (end > start)
                result.Add(text[start..end]);
            done = end;
        }

        if (done < text.Length)
            result.Add(text[done..]);

        int Original(int index) => offsets is null ? index : offsets[index];
    }

    // offsets[i] is where the stand-in's code unit i begins in the text; null when nothing moved.
    private (string Text, int[]? Offsets) StandIn(string text)
    {
        // Case folding makes U+017F equal to s; .NET's invariant casing does not know that.
        var source = _ignoresCase && text.Contains('\u017F') ? text.Replace('\u017F', 's') : text;
        if (!source.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            return (source, null);
        var units = new StringBuilder(source.Length);
        var offsets = new List<int>(source.Length + 1);
        var at = 0;
        foreach (var rune in source.EnumerateRunes())
        {
            offsets.Add(at);
            at += rune.Utf16SequenceLength;
            units.Append(rune.IsBmp ? (char)rune.Value : StandIns[(int)Rune.GetUnicodeCategory(rune)]);
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

    private static Regex Compile(string pattern) => new(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled, TimeSpan.FromSeconds(10));

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
                var rest = pattern[i..];
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
                    case '(' when !inClass && rest.StartsWith("(?", StringComparison.Ordinal) && !Groups.Any(g => rest.StartsWith(g, StringComparison.Ordinal)):
                        return $"the group '{rest[..Math.Min(4, rest.Length)]}'";
                    case >= '\uD800' and <= '\uDFFF': return "a literal character beyond U+FFFF";
                    default: break;
                }
            }

            return null;
        }
    }
}
