using System.Text.RegularExpressions;

namespace G2RL.Onnx.Problems;

/// <summary>Where the answer is found in a completion.</summary>
public enum AnswerPlace
{
    /// <summary>The whole completion.</summary>
    Whole,

    /// <summary>The last number in it.</summary>
    LastNumber,

    /// <summary>What stands behind the last marker, up to the end of the line.</summary>
    Marker,

    /// <summary>What stands in the last <c>\boxed{...}</c>.</summary>
    Boxed,
}

/// <summary>Finds answers in completions. Linear in the text's length, whatever the text.</summary>
internal static partial class AnswerExtraction
{
    private const int Tail = 4096;

    /// <summary>The answer without white space around it, or null when there is none.</summary>
    public static string? Find(string completion, AnswerPlace place, string marker) => place switch
    {
        AnswerPlace.LastNumber => LastNumber(completion),
        AnswerPlace.Marker => BehindMarker(completion, marker),
        AnswerPlace.Boxed => LastBox(completion),
        _ => completion,
    };

    /// <summary>What stands behind the last <paramref name="marker"/>, up to the end of the line; null without a marker.</summary>
    public static string? BehindMarker(string text, string marker)
    {
        var at = text.LastIndexOf(marker, StringComparison.Ordinal);
        if (at < 0)
            return null;
        var rest = text.AsSpan(at + marker.Length).TrimStart(' ');
        var end = rest.IndexOf('\n');
        return (end >= 0 ? rest[..end] : rest).Trim().ToString();
    }

    private static string? LastNumber(string text)
    {
        // The answer is at the end; looking further back than this finds something else.
        var tail = text.Length > Tail ? text[^Tail..] : text;
        string? last = null;
        foreach (var match in Number().EnumerateMatches(tail))
        {
            var number = tail.AsSpan(match.Index, match.Length);
            // In "5-3" the minus is an operator.
            var isOperator = number[0] == '-' && match.Index > 0 && (char.IsAsciiLetterOrDigit(tail[match.Index - 1]) || tail[match.Index - 1] is ')' or '}');
            last = (isOperator ? number[1..] : number).ToString();
        }

        return last;
    }

    private static string? LastBox(string text)
    {
        const string Open = "\\boxed{";
        var at = text.LastIndexOf(Open, StringComparison.Ordinal);
        if (at < 0)
            return null;
        var depth = 1;
        for (var i = at + Open.Length; i < text.Length; i++)
        {
            depth += text[i] switch { '{' => 1, '}' => -1, _ => 0 };
            if (depth == 0)
                return text[(at + Open.Length)..i].Trim();
        }

        return null;
    }

    [GeneratedRegex(@"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+|\.[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?:/[0-9]+)?", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Number();
}
