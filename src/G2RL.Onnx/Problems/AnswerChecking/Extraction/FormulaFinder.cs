namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Finds formulas between dollar signs and LaTeX's brackets, in one pass. Those within a line must close on it.</summary>
internal static class FormulaFinder
{
    /// <summary>The contents of the last formulas, the last one first, with their position.</summary>
    public static List<(int Start, int End, string Content)> Last(string text, int count)
    {
        var found = new List<(int Start, int End, int From, int To)>();
        // Up to where it is known that no bracket closes, so that many open ones do not make the search quadratic.
        var (noRound, noSquare) = (-1, -1);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '$')
            {
                var wide = i + 1 < text.Length && text[i + 1] == '$';
                var from = i + (wide ? 2 : 1);
                var to = wide ? text.IndexOf("$$", from, StringComparison.Ordinal) : Dollar(text, from);
                if (to < 0)
                {
                    if (wide)
                        i++;
                    continue;
                }

                found.Add((i, to + (wide ? 2 : 1), from, to));
                i = to + (wide ? 1 : 0);
            }
            else if (text[i] == '\\' && i + 1 < text.Length)
            {
                if (text[i + 1] is '(' or '[')
                {
                    var wide = text[i + 1] == '[';
                    var to = i < (wide ? noSquare : noRound) ? -1 : Closing(text, i + 2, wide, ref wide ? ref noSquare : ref noRound);
                    if (to >= 0)
                    {
                        found.Add((i, to + 2, i + 2, to));
                        i = to;
                    }
                }

                i++;
            }
        }

        var last = new List<(int, int, string)>();
        for (var i = found.Count - 1; i >= 0 && last.Count < count; i--)
        {
            if (IsProse(text.AsSpan(found[i].From..found[i].To)))
                continue;
            var (end, contents) = (found[i].End, new List<string> { text[found[i].From..found[i].To] });
            // "$1$ and $2$" is one answer.
            while (i > 0 && Joins(text.AsSpan(found[i - 1].End..found[i].Start))
                && !IsProse(text.AsSpan(found[i - 1].From..found[i - 1].To)))
                contents.Add(text[found[--i].From..found[i].To]);
            contents.Reverse();
            last.Add((found[i].Start, end, string.Join(", ", contents)));
        }

        return last;
    }

    private static bool Joins(ReadOnlySpan<char> gap) => gap.Length < 60
        && (gap.Contains("and", StringComparison.Ordinal) || gap.Contains("or", StringComparison.Ordinal) || gap.Trim() is ",")
        && BoxFinder.IsJoint(gap);

    /// <summary>Whether a text is words rather than a formula: two dollar signs that are sums of money have words between them.</summary>
    public static bool IsProse(ReadOnlySpan<char> content)
    {
        if (content.Contains("\\text", StringComparison.Ordinal) || content.Contains("\\mbox", StringComparison.Ordinal))
            return false;
        var words = 0;
        for (var i = 0; i < content.Length;)
        {
            var length = 0;
            while (i + length < content.Length && char.IsAsciiLetterLower(content[i + length]))
                length++;
            if (length >= 2 && (i == 0 || content[i - 1] == ' ')
                && (i + length == content.Length || content[i + length] is ' ' or ',' or '.')
                && content.Slice(i, length) is not ("or" or "and" or "sin" or "cos" or "tan" or "log" or "ln" or "cm" or "mm" or "km"))
            {
                words++;
            }

            i += Math.Max(length, 1);
        }

        return words >= 2;
    }

    private static int Dollar(string text, int from)
    {
        for (var i = from; i < text.Length && text[i] != '\n'; i++)
        {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '$')
                return i;
        }

        return -1;
    }

    private static int Closing(string text, int from, bool wide, ref int none)
    {
        var i = from;
        for (; i + 1 < text.Length && (wide || text[i] != '\n'); i++)
        {
            if (text[i] != '\\')
                continue;
            if (text[i + 1] == (wide ? ']' : ')'))
                return i;
            i++;
        }

        none = i;
        return -1;
    }
}
