using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Problems;

/// <summary>Where the answer is found in a completion.</summary>
public enum AnswerPlace
{
    /// <summary>The whole completion.</summary>
    Whole,

    /// <summary>The last number in it, its sign, currency and fraction included.</summary>
    LastNumber,

    /// <summary>What stands behind the last marker, up to the end of the line.</summary>
    Marker,

    /// <summary>What stands in the last <c>\boxed{...}</c>, or behind <c>\boxed</c> without braces.</summary>
    Boxed,
}

/// <summary>Finds answers in completions. Linear in the text's length, whatever the text.</summary>
internal static class AnswerExtraction
{
    /// <summary>The answer without white space around it, or null when there is none.</summary>
    public static string? Find(string completion, AnswerPlace place, string marker) => place switch
    {
        AnswerPlace.LastNumber => NumberFinder.Last(completion),
        AnswerPlace.Marker => BehindMarker(completion, marker),
        AnswerPlace.Boxed => BoxFinder.Last(completion)?.Trim(),
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
}
