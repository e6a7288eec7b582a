namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Finds <c>\boxed{...}</c> in one pass over the text.</summary>
internal static class BoxFinder
{
    private const int LongestGap = 120;
    private const int LongestUnclosed = 400;
    private const int MostJoined = 32;

    /// <summary>A box that was found.</summary>
    /// <param name="Start">Where its command stands.</param>
    /// <param name="Content">What is in it.</param>
    /// <param name="IsPercent">Whether a percent sign or word follows it: <c>\boxed{28}$ %</c> is 28%.</param>
    /// <param name="End">Behind it, and behind that sign.</param>
    private readonly record struct Box(int Start, Range Content, bool IsPercent, int End)
    {
        public string Of(string text) => IsPercent ? text[Content] + "\\%" : text[Content];
    }

    /// <summary>The content of the last outermost box, with the percent sign that follows it; null without one.</summary>
    /// <param name="text">The completion.</param>
    /// <param name="unclosed">Whether a box that the text's end cuts off counts.</param>
    public static string? Last(string text, bool unclosed = false) => All(text, unclosed) is [.., var last] ? last.Of(text) : null;

    /// <summary>The contents of the last run of boxes, separated by commas.</summary>
    public static string? LastRun(string text, bool unclosed)
    {
        var boxes = All(text, unclosed);
        if (boxes.Count == 0)
            return null;
        var first = boxes.Count - 1;
        while (first > 0 && boxes.Count - first < MostJoined && IsJoint(text.AsSpan(boxes[first - 1].End..boxes[first].Start)))
            first--;
        var contents = boxes.Skip(first).Select(b => b.Of(text)).Distinct().ToArray();
        return string.Join(", ", contents);
    }

    private static List<Box> All(string text, bool unclosed)
    {
        var boxes = new List<Box>();
        if (!text.Contains("boxed", StringComparison.Ordinal) && !text.Contains("fbox", StringComparison.Ordinal))
            return boxes;
        // Depth of braces, and where and at which depth the outermost box began.
        var (depth, start, content, outer) = (0, -1, 0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\' when Command(text, i) is > 0 and var length:
                    var open = i + length;
                    while (open < text.Length && text[open] is ' ' or '\n' && open < text.Length)
                        open++;
                    if (start >= 0 && open < text.Length && text[open] == '{')
                    {
                        depth++;
                        i = open;
                    }
                    else if (start < 0 && open < text.Length && text[open] == '{')
                    {
                        (start, content, outer) = (i, open + 1, depth++);
                        i = open;
                    }
                    else if (start < 0 && Bare(text, open) is > 0 and var size)
                    {
                        Add(i, open..(open + size));
                        i = open + size - 1;
                    }

                    break;
                case '\\' when i + 1 < text.Length && text[i + 1] is '{' or '}' or '\\':
                    // An escaped brace; but "\\boxed" is a box after a doubled backslash.
                    if (text[i + 1] != '\\' || Command(text, i + 1) == 0)
                        i++;
                    break;
                case '{':
                    depth++;
                    break;
                case '}':
                    depth = Math.Max(0, depth - 1);
                    if (start >= 0 && depth == outer)
                    {
                        Add(start, content..i, closing: 1);
                        start = -1;
                    }

                    break;
            }
        }

        if (start >= 0 && unclosed && text.Length - content <= LongestUnclosed)
            Add(start, content..text.Length);
        return boxes;

        void Add(int from, Range inside, int closing = 0)
        {
            var end = inside.End.Value + closing;
            var percent = NumberFinder.Percent(text.AsSpan(end));
            boxes.Add(new(from, inside, percent > 0, end + percent));
        }
    }

    private static int Command(string text, int at)
    {
        foreach (var name in (ReadOnlySpan<string>)["\\boxed", "\\fbox"])
        {
            if (text.AsSpan(at).StartsWith(name) && (at + name.Length >= text.Length || !char.IsAsciiLetter(text[at + name.Length])))
                return name.Length;
        }

        return 0;
    }

    // "\boxed 5": what follows up to white space or the end of the formula.
    private static int Bare(string text, int start)
    {
        var end = start;
        while (end < text.Length && !char.IsWhiteSpace(text[end]) && text[end] is not ('$' or '}' or ',' or ';'))
            end++;
        return text.AsSpan(start, end - start).TrimEnd('.').Length;
    }

    /// <summary>Whether nothing stands between two answers but separators and names.</summary>
    public static bool IsJoint(ReadOnlySpan<char> gap)
    {
        if (gap.Length > LongestGap)
            return false;
        for (var i = 0; i < gap.Length; i++)
        {
            var rest = gap[i..];
            if (rest.StartsWith("\\text"))
            {
                var brace = rest.IndexOf('{');
                var end = brace < 0 ? -1 : Braced.End(rest, brace);
                if (end < 0)
                    return false;
                i += end;
            }
            else if (Skipped(rest) is > 0 and var skipped)
            {
                i += skipped - 1;
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    private static int Skipped(ReadOnlySpan<char> rest)
    {
        foreach (var word in (ReadOnlySpan<string>)["and", "or", "\\quad", "\\qquad", "\\(", "\\)", "\\[", "\\]", "\\,", "\\;", "\\ ",
            "\\\\"])
        {
            if (rest.StartsWith(word)
                && !(char.IsAsciiLetter(word[^1]) && rest.Length > word.Length && char.IsAsciiLetter(rest[word.Length])))
                return word.Length;
        }

        if (char.IsWhiteSpace(rest[0]) || rest[0] is ',' or ';' or '$' or '&')
            return 1;
        // The name of the next value: "y_2 =".
        var equals = rest.IndexOf('=');
        return equals is > 0 and < 12 && char.IsAsciiLetter(rest[0]) && rest[..equals].IndexOfAnyExcept("_{}0123456789 ".AsSpan()) == 0
            && rest[1..equals].IndexOfAnyExcept("_{}0123456789 ()x'".AsSpan()) < 0
            ? equals + 1
            : 0;
    }
}
