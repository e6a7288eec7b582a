using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Rollouts;

/// <summary>Tokens to text, and the texts at which a rollout ends.</summary>
internal sealed class RolloutText(Tokenizer tokenizer, SamplerSettings settings)
{
    // A token is at least one byte and a character at most four, so this many tokens cover any stop string.
    private readonly int stopTail = settings.StopStrings.Count == 0 ? 0 : settings.StopStrings.Max(s => (4 * s.Length) + 4);

    /// <summary>Whether the last tokens hold a stop string.</summary>
    public bool IsStopped(ReadOnlySpan<int> tokens)
    {
        if (stopTail == 0)
            return false;
        var tail = tokenizer.Decode(tokens[Math.Max(0, tokens.Length - stopTail)..]);
        foreach (var stop in settings.StopStrings)
            if (tail.Contains(stop, StringComparison.Ordinal))
                return true;
        return false;
    }

    /// <summary>The text of a rollout, cut before its stop string where that ended it.</summary>
    public string Of(ReadOnlySpan<int> tokens, FinishReason reason)
    {
        var text = tokenizer.Decode(tokens);
        if (reason != FinishReason.StopString)
            return text;
        var cut = settings.StopStrings.Select(s => text.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0).DefaultIfEmpty(text.Length).Min();
        return text[..cut];
    }
}
