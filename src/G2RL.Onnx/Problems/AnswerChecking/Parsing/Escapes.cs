using System.Text;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Undoes backslashes that were doubled on the way, as in <c>\\frac{1}{2}</c>.</summary>
internal static class Escapes
{
    /// <summary>
    /// Single backslashes before known commands, unless the text holds a matrix with single ones, where a double backslash begins a row.
    /// </summary>
    public static string Undouble(string text)
    {
        if (!text.Contains("\\\\", StringComparison.Ordinal))
            return text;
        var begin = text.IndexOf("\\begin", StringComparison.Ordinal);
        if (begin >= 0 && (begin == 0 || text[begin - 1] != '\\'))
            return text;
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 2 < text.Length && text[i + 1] == '\\' && StartsCommand(text.AsSpan(i + 2)))
                continue;
            result.Append(text[i]);
            if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] == '\\')
                result.Append(text[++i]);
        }

        return result.ToString();
    }

    private static bool StartsCommand(ReadOnlySpan<char> rest)
    {
        if (rest[0] is '{' or '}' or '%' or '$' or ',' or '!')
            return true;
        var length = 0;
        while (length < rest.Length && length < 20 && char.IsAsciiLetter(rest[length]))
            length++;
        for (; length >= 2; length--)
        {
            if (Vocabulary.IsKnown(rest[..length].ToString()))
                return true;
        }

        return false;
    }
}
