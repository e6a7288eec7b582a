namespace G2RL.Onnx.Tokenizers.Splitting;

/// <summary>What becomes of a match.</summary>
internal enum SplitBehavior
{
    /// <summary>A piece of its own.</summary>
    Isolated,

    /// <summary>It is dropped.</summary>
    Removed,

    /// <summary>It ends the piece before it; the second of two in a row is a piece of its own.</summary>
    MergedWithPrevious,

    /// <summary>It begins the piece behind it; the first of two in a row is a piece of its own.</summary>
    MergedWithNext,

    /// <summary>Matches in a row are one piece.</summary>
    Contiguous,
}

/// <summary>Cuts at the ends of a pattern's matches.</summary>
/// <param name="pattern">What to find.</param>
/// <param name="behavior">What becomes of a match.</param>
/// <param name="invert">Whether the text between matches counts as the match and the matches as the rest.</param>
internal sealed class SplitStep(PiecePattern pattern, SplitBehavior behavior, bool invert = false) : PreTokenizerStep
{
    /// <inheritdoc/>
    public override void Cut(Piece piece, List<Piece> result)
    {
        var length = piece.Length;
        var done = 0;
        var matches = pattern.Matches(piece.Text);
        if (behavior == SplitBehavior.Isolated)
        {
            // Nearly every file's way: matches and what lies between them are pieces alike.
            foreach (var (start, end) in matches)
            {
                if (start > done)
                    result.Add(piece.Part(done, start));
                result.Add(piece.Part(start, end));
                done = end;
            }

            if (length > done)
                result.Add(piece.Part(done, length));
            return;
        }

        var parts = new List<(int Start, int End, bool Match)>();
        foreach (var (start, end) in matches)
        {
            Add(parts, done, start, invert);
            Add(parts, start, end, !invert);
            done = end;
        }

        Add(parts, done, length, invert);
        foreach (var (start, end) in Joined(parts))
            result.Add(piece.Part(start, end));
    }

    private static void Add(List<(int Start, int End, bool Match)> parts, int start, int end, bool match)
    {
        if (end > start)
            parts.Add((start, end, match));
    }

    private IEnumerable<(int Start, int End)> Joined(List<(int Start, int End, bool Match)> parts)
    {
        var start = 0;
        for (var i = 0; i < parts.Count; i++)
        {
            var (from, to, match) = parts[i];
            if (behavior == SplitBehavior.Removed)
            {
                if (!match)
                    yield return (from, to);
                continue;
            }

            // Does this part end a piece?
            if (i + 1 < parts.Count && behavior switch
            {
                SplitBehavior.MergedWithPrevious => !match && parts[i + 1].Match,
                SplitBehavior.MergedWithNext => match && !parts[i + 1].Match,
                SplitBehavior.Contiguous => match == parts[i + 1].Match,
                _ => false,
            })
            {
                continue;
            }

            yield return (start, to);
            start = to;
        }
    }
}
