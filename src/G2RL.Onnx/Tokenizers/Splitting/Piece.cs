namespace G2RL.Onnx.Tokenizers.Splitting;

/// <summary>
/// A piece of text on its way to tokens, as a part of a longer text so that nothing is copied; merges never cross its ends.
/// </summary>
/// <param name="Source">The text that it is part of.</param>
/// <param name="Start">Where it begins.</param>
/// <param name="Length">Its length, at least 1.</param>
/// <param name="First">Whether the whole text begins with it.</param>
internal readonly record struct Piece(string Source, int Start, int Length, bool First)
{
    /// <summary>A whole text.</summary>
    public Piece(string text, bool first)
        : this(text, 0, text.Length, first)
    {
    }

    /// <summary>Its text.</summary>
    public ReadOnlySpan<char> Text => Source.AsSpan(Start, Length);

    /// <summary>The part of it from one place to another.</summary>
    public Piece Part(int start, int end) => new(Source, Start + start, end - start, First && start == 0);
}
