namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Arguments in braces.</summary>
internal static class Braced
{
    /// <summary>The content of the braces that start at a position, white space passed over; null when there are none or they do not
    /// close.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">Moves behind the closing brace.</param>
    public static string? Content(string text, ref int at)
    {
        var start = at;
        while (start < text.Length && text[start] == ' ')
            start++;
        var end = End(text, start);
        if (end < 0)
            return null;
        at = end + 1;
        return text[(start + 1)..end];
    }

    /// <summary>Where the brace that opens at a position closes; -1 when it does not, or none opens there. Escaped braces do not
    /// count.</summary>
    public static int End(ReadOnlySpan<char> text, int start)
    {
        if (start >= text.Length || text[start] != '{')
            return -1;
        var depth = 0;
        for (var i = start; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\':
                    i++;
                    break;
                case '{':
                    depth++;
                    break;
                case '}' when --depth == 0:
                    return i;
            }
        }

        return -1;
    }
}
