namespace G2RL.Onnx.Tokenizers.Splitting;

/// <summary>What comes before the spelling as bytes: a space in front of each piece, and GPT-2's cuts.</summary>
/// <param name="addPrefixSpace">Whether a piece without a space in front gets one.</param>
/// <param name="useRegex">Whether to cut as GPT-2 does.</param>
internal sealed class ByteLevelStep(bool addPrefixSpace, bool useRegex) : PreTokenizerStep
{
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private readonly SplitStep? cuts = useRegex ? new SplitStep(new PiecePattern(Gpt2), SplitBehavior.Isolated) : null;

    /// <inheritdoc/>
    public override void Cut(Piece piece, List<Piece> result)
    {
        if (addPrefixSpace && piece.Text[0] != ' ')
            piece = new(string.Concat(" ", piece.Text), piece.First);
        if (cuts is null)
            result.Add(piece);
        else
            cuts.Cut(piece, result);
    }
}
