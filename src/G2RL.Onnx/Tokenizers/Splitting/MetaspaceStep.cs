namespace G2RL.Onnx.Tokenizers.Splitting;

/// <summary>Which pieces get the character for a space in front.</summary>
internal enum PrependScheme
{
    /// <summary>None.</summary>
    Never,

    /// <summary>The one at the beginning of the text.</summary>
    First,

    /// <summary>Each.</summary>
    Always,
}

/// <summary>SentencePiece's spaces: each becomes a visible character, which begins a new piece when pieces are cut at all.</summary>
/// <param name="replacement">The character, U+2581 in all files known.</param>
/// <param name="prepend">Which pieces get one in front.</param>
/// <param name="split">Whether to cut before each.</param>
internal sealed class MetaspaceStep(char replacement, PrependScheme prepend, bool split) : PreTokenizerStep
{
    private readonly SplitStep cuts = new(new PiecePattern(replacement.ToString(), literal: true), SplitBehavior.MergedWithNext);

    /// <inheritdoc/>
    public override void Cut(Piece piece, List<Piece> result)
    {
        var text = piece.Text.ToString().Replace(' ', replacement);
        if (text[0] != replacement && (prepend == PrependScheme.Always || (prepend == PrependScheme.First && piece.First)))
            text = replacement + text;
        piece = new(text, piece.First);
        if (split)
            cuts.Cut(piece, result);
        else
            result.Add(piece);
    }
}
