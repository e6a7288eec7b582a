using System.Buffers;
using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>Texts as Python has them, where .NET's are others.</summary>
internal static class JinjaText
{
    private static readonly SearchValues<char> LineEnds = SearchValues.Create("\n\r\v\f\x1C\x1D\x1E\u0085\u2028\u2029");

    /// <summary>Without white space at the ends asked for. Python counts the four separators U+001C to U+001F as white space.</summary>
    public static string Trim(string text, bool start = true, bool end = true)
    {
        var (from, to) = (0, text.Length);
        while (start && from < to && IsSpace(text[from]))
            from++;
        while (end && to > from && IsSpace(text[to - 1]))
            to--;
        return text[from..to];
    }

    /// <summary>Whether a character is white space.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';

    /// <summary>Words between white space.</summary>
    public static List<object?> Words(string text)
    {
        var words = new List<object?>();
        for (var at = 0; at < text.Length;)
        {
            var start = at;
            while (at < text.Length && !IsSpace(text[at]))
                at++;
            if (at > start)
                words.Add(text[start..at]);
            at++;
        }

        return words;
    }

    /// <summary>
    /// Lines as <c>splitlines</c> gives them: without their ends, of which there are eleven kinds, and without an empty one behind the last
    /// end.
    /// </summary>
    public static List<string> Lines(string text)
    {
        var lines = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var length = text.AsSpan(start).IndexOfAny(LineEnds);
            if (length < 0)
            {
                lines.Add(text[start..]);
                break;
            }

            lines.Add(text.Substring(start, length));
            start += length + (text.AsSpan(start + length).StartsWith("\r\n") ? 2 : 1);
        }

        return lines;
    }

    /// <summary>Order by character, which above U+FFFF is not the order of UTF-16.</summary>
    public static int Compare(string a, string b)
    {
        var at = a.AsSpan().CommonPrefixLength(b);
        return at == a.Length || at == b.Length ? a.Length - b.Length : Place(a[at]) - Place(b[at]);

        // Halves of pairs come behind everything else.
        static int Place(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
    }

    /// <summary>Writes a text as <c>repr</c> does: in quotes, and what cannot be printed as an escape.</summary>
    public static void Represent(StringBuilder result, string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        result.Append(quote);
        foreach (var rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '\n' => result.Append("\\n"),
                '\r' => result.Append("\\r"),
                '\t' => result.Append("\\t"),
                '\\' => result.Append("\\\\"),
                var c when c == quote => result.Append('\\').Append(quote),
                _ when Prints(rune) => result.Append(rune.ToString()),
                < 0x100 and var c => result.Append(CultureInfo.InvariantCulture, $"\\x{c:x2}"),
                < 0x10000 and var c => result.Append(CultureInfo.InvariantCulture, $"\\u{c:x4}"),
                var c => result.Append(CultureInfo.InvariantCulture, $"\\U{c:x8}"),
            };
        }

        result.Append(quote);
    }

    private static bool Prints(Rune rune) => rune.Value
        == ' ' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
