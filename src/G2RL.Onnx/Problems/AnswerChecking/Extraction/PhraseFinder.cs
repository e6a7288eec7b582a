namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Finds what follows "the answer is" and its kin.</summary>
internal static class PhraseFinder
{
    private const int LongestClause = 600;

    /// <summary>What follows the last of some phrases, up to the end of the sentence; null without one.</summary>
    public static string? After(string text, ReadOnlySpan<string> phrases)
    {
        var (at, length) = (-1, 0);
        foreach (var phrase in phrases)
        {
            var found = text.LastIndexOf(phrase, StringComparison.OrdinalIgnoreCase);
            if (found + phrase.Length > at + length && found >= 0)
                (at, length) = (found, phrase.Length);
        }

        if (at < 0)
            return null;
        var rest = text.AsSpan(at + length);
        rest = rest.TrimStart(" \t*_\"':");
        if (rest.StartsWith("is ") || rest.StartsWith("is:"))
            rest = rest[3..];
        rest = rest.TrimStart(" \t*_\"'\n:");
        return rest[..End(rest)].Trim(" \t\n*_\"").ToString();
    }

    private static readonly string[] Qualifiers =
    [
        "at least ", "at most ", "less than ", "more than ", "greater than ", "fewer than ", "larger than ", "smaller than ", "not ",
        "n't ",
        "between ", "either ", "neither ", "under ", "over ", "above ", "below ", "up to ", "no ", "one of ", "somewhere ", "any ",
        "anything ",
    ];

    /// <summary>
    /// Whether a clause says of a value that the answer is not it, or not it alone: "at least 5", "not 5", "either 5 or 6".
    /// </summary>
    public static bool IsQualified(string clause) =>
        Array.Exists(Qualifiers, q => clause.StartsWith(q, StringComparison.OrdinalIgnoreCase));

    /// <summary>What follows the last marker, up to the end of the line; null without one.</summary>
    public static string? AfterMarker(string text, string marker)
    {
        var at = text.LastIndexOf(marker, StringComparison.Ordinal);
        if (at < 0)
            return null;
        var rest = text.AsSpan(at + marker.Length).TrimStart(" :");
        var end = rest.IndexOf('\n');
        return (end >= 0 ? rest[..end] : rest).Trim().ToString();
    }

    /// <summary>The content of the last tag of that name; null when none opens, or it does not close.</summary>
    public static string? Tag(string text, string name)
    {
        var open = text.LastIndexOf($"<{name}>", StringComparison.OrdinalIgnoreCase);
        if (open < 0)
            return null;
        open += name.Length + 2;
        var close = text.IndexOf($"</{name}>", open, StringComparison.OrdinalIgnoreCase);
        return close < 0 ? null : text[open..close].Trim();
    }

    // A full stop before white space ends the sentence, but not inside a formula; so does a new line outside of one.
    private static int End(ReadOnlySpan<char> rest)
    {
        var (inFormula, wide) = (false, 0);
        for (var i = 0; i < rest.Length; i++)
        {
            if (i > LongestClause)
                return i;
            switch (rest[i])
            {
                case '\\' when i + 1 < rest.Length:
                    if (rest[i + 1] is '(' or '[')
                        wide++;
                    else if (rest[i + 1] is ')' or ']')
                        wide--;
                    i++;
                    break;
                case '$':
                    inFormula = !inFormula;
                    break;
                case '\n' when !inFormula && wide <= 0:
                    return i;
                case '.' or '。' when !inFormula && wide <= 0
                    && (i + 1 == rest.Length || char.IsWhiteSpace(rest[i + 1]) || rest[i] == '。' || rest[i + 1] is '<' or '*'):
                    return i;
            }
        }

        return rest.Length;
    }
}
