using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>A penalty of responses that say the same again: the share of n-grams of tokens that were there before.</summary>
public sealed record RepetitionConfig : RewardConfig
{
    /// <summary>Tokens of an n-gram, >= 1.</summary>
    public int NgramSize { get; init; } = 3;

    /// <summary>The penalty that a response nears whose n-grams are all the same, at most 0.</summary>
    public double MaxPenalty { get; init; } = -1;

    /// <inheritdoc/>
    public override IEnumerable<string> Faults(string at, int maxNewTokens)
    {
        if (NgramSize < 1)
            yield return $"{at}.ngramSize is {NgramSize}; it must be at least 1.";
        if (!(MaxPenalty <= 0 && double.IsFinite(MaxPenalty)))
            yield return $"{at}.maxPenalty is {MaxPenalty}; it must be finite and at most 0.";
    }
}

/// <summary>See <see cref="RepetitionConfig"/>.</summary>
/// <remarks>Source: Demystifying Long Chain-of-Thought Reasoning, arXiv:2502.03373, in the form of TRL's repetition_penalty.</remarks>
internal static class RepetitionReward
{
    public static RewardFunction Create(RepetitionConfig config) => completion =>
        Outcome.Scored(Of(completion.Tokens, config.NgramSize, config.MaxPenalty));

    /// <summary>penalty (1 - different n-grams / n-grams); 0 where there is no n-gram.</summary>
    public static double Of(IReadOnlyList<int> tokens, int size, double maxPenalty)
    {
        var count = tokens.Count - size + 1;
        if (count <= 0)
            return 0;
        // Sorted starts bring equal n-grams together, without a key per n-gram.
        var starts = new int[count];
        for (var i = 0; i < count; i++)
            starts[i] = i;
        int Compare(int a, int b)
        {
            for (var k = 0; k < size; k++)
                if (tokens[a + k] != tokens[b + k])
                    return tokens[a + k].CompareTo(tokens[b + k]);
            return 0;
        }
        Array.Sort(starts, Compare);
        var different = 1;
        for (var i = 1; i < count; i++)
            different += Compare(starts[i - 1], starts[i]) == 0 ? 0 : 1;
        return different == count ? 0 : (1 - (different / (double)count)) * maxPenalty;
    }
}
