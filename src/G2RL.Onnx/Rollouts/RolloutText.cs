using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Rollouts;

/// <summary>
/// Tokens to text, and the texts at which a rollout ends. A stop string is looked for in the visible text, one that holds the whole text of
/// a special token
/// (<c>&lt;|im_end|&gt;</c>) also in the text with special tokens written out.
/// </summary>
internal sealed class RolloutText(Tokenizer tokenizer, SamplerSettings settings)
{
    // What a tail may need beyond the longest stop string before the first look: characters of several tokens at its beginning.
    private const int Spare = 16;

    private readonly int longest = settings.StopStrings.Select(s => s.Length).DefaultIfEmpty().Max();

    private readonly string[] special =
        [.. settings.StopStrings.Where(s => tokenizer.SpecialIds.Any(id => s.Contains(tokenizer.TokenText(id), StringComparison.Ordinal)))];

    /// <summary>Whether the text of the tokens holds a stop string, given that it held none before the last token.</summary>
    public bool IsStopped(ReadOnlySpan<int> tokens) => longest > 0 && (Holds(tokens, settings.StopStrings, skipSpecial: true)
        || (special.Length > 0 && Holds(tokens, special, skipSpecial: false)));

    /// <summary>The text of a rollout, cut before its stop string where that ended it.</summary>
    public string Of(ReadOnlySpan<int> tokens, FinishReason reason)
    {
        var text = tokenizer.Decode(tokens);
        if (reason != FinishReason.StopString)
            return text;
        var cut = First(text, settings.StopStrings) is >= 0 and var at ? text[..at] : text;
        return special.Length > 0 && BeforeSpecial(tokens) is { } shorter && shorter.Length < cut.Length ? shorter : cut;
    }

    /// <summary>The visible text without what may be half a character or the beginning of a stop string.</summary>
    public string Certain(ReadOnlySpan<int> tokens)
    {
        var visible = tokenizer.Decode(tokens).TrimEnd('\uFFFD');
        visible = visible[..^StreamedText.Begun(visible, settings.StopStrings)];
        if (special.Length == 0)
            return visible;
        var written = tokenizer.Decode(tokens, skipSpecial: false).TrimEnd('\uFFFD');
        var begun = StreamedText.Begun(written, special);
        if (begun == 0)
            return visible;
        var before = Visible(tokens, written, written.Length - begun);
        return before.Length < visible.Length ? before : visible;
    }

    // Only a tail is decoded: a stop string that is new ends in what the last token changed. How many tokens spell the longest stop string
    // depends on the
    // tokenizer (bytes, tokens without a text), so the tail grows until its text is long enough.
    private bool Holds(ReadOnlySpan<int> tokens, IReadOnlyList<string> stops, bool skipSpecial)
    {
        var last = Math.Max(tokenizer.MostCharacters(tokens[^1]), tokenizer.Decode(tokens[^1..], skipSpecial).Length);
        for (var count = longest + Spare; ; count *= 2)
        {
            var from = tokenizer.BoundaryBefore(tokens, Math.Max(0, tokens.Length - count));
            var tail = tokenizer.Decode(tokens[from..], skipSpecial);
            if (from == 0)
                return First(tail, stops) >= 0;
            // What the whole text has in place of the tail's first token may differ, so a find counts only if the whole holds it, too.
            if (First(tail, stops) >= 0)
                return First(tokenizer.Decode(tokens, skipSpecial), stops) >= 0;
            var first = 0;
            foreach (var id in tokens[from..])
                first = Math.Max(first, tokenizer.MostCharacters(id));
            if (tail.Length >= longest + last + first + Spare)
                return false;
        }
    }

    // The visible part of what stands before the first stop string in the text with special tokens.
    private string? BeforeSpecial(ReadOnlySpan<int> tokens)
    {
        var text = tokenizer.Decode(tokens, skipSpecial: false);
        var cut = First(text, special);
        return cut < 0 ? null : Visible(tokens, text, cut);
    }

    // The visible part of the first characters of the text with special tokens.
    private string Visible(ReadOnlySpan<int> tokens, string text, int cut)
    {
        // It ends: no tokens are before any stop string.
        for (var count = tokens.Length - 1; ; count--)
        {
            var before = tokenizer.Decode(tokens[..count], skipSpecial: false);
            if (before.Length > cut || !text.StartsWith(before, StringComparison.Ordinal))
                continue;
            // The stop string may begin inside a token; of a special one nothing is visible.
            var inside = tokenizer.SpecialIds.Contains(tokens[count]) ? "" : text[before.Length..cut];
            return tokenizer.Decode(tokens[..count]) + inside;
        }
    }

    /// <summary>Where the first of the stop strings begins; -1 where there is none.</summary>
    public static int First(string text, IEnumerable<string> stops)
    {
        var first = -1;
        foreach (var stop in stops)
            if (text.IndexOf(stop, StringComparison.Ordinal) is >= 0 and var at && (first < 0 || at < first))
                first = at;
        return first;
    }
}
