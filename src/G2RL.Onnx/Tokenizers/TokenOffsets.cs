namespace G2RL.Onnx.Tokenizers;

/// <summary>Tokens as places in their text.</summary>
internal static class TokenOffsets
{
    private const int Window = 64;
    private const char Broken = '\uFFFD';

    /// <summary>See <see cref="Tokenizer.Offsets"/>.</summary>
    public static (int Start, int End)[] Of(Tokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        var text = tokenizer.Decode(ids, skipSpecial: false);
        return Walk(tokenizer, ids, text, Window) ?? Walk(tokenizer, ids, text, int.MaxValue)!;
    }

    // Texts of growing prefixes, decoded from a place near their end; null where those places do not give the whole.
    private static (int Start, int End)[]? Walk(Tokenizer tokenizer, ReadOnlySpan<int> ids, string text, int window)
    {
        var offsets = new (int Start, int End)[ids.Length];
        // What stands before the token at `from`, and the length of what decoding from there shows of that token alone.
        var (from, before, own, end) = (0, 0, 0, 0);
        for (var i = 0; i < ids.Length; i++)
        {
            var part = tokenizer.Decode(ids[from..(i + 1)], skipSpecial: false);
            var whole = part.AsSpan().TrimEnd(Broken);
            var start = end;
            end = Math.Clamp(before + whole.Length - own, start, text.Length);
            var isWhole = whole.Length == part.Length;
            offsets[i] = (start, isWhole || end == text.Length ? end : end + (char.IsHighSurrogate(text[end]) ? 2 : 1));
            if (isWhole && i - from >= window && tokenizer.BoundaryBefore(ids, i) == i)
                (from, before, own) = (i, end, tokenizer.Decode(ids[i..(i + 1)], skipSpecial: false).Length);
        }
        if (ids.Length > 0)
            offsets[^1].End = Math.Max(offsets[^1].End, text.Length);
        return window == int.MaxValue || end == text.Length || text.EndsWith(Broken) ? offsets : null;
    }
}
