using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>A right answer is worth the more the shorter its response, a wrong one the less: along half a wave of the cosine.</summary>
public sealed record CosineConfig : RewardConfig
{
    /// <summary>Reward of the longest right response.</summary>
    public double RightLow { get; init; } = 0.5;

    /// <summary>Reward of an empty right response.</summary>
    public double RightHigh { get; init; } = 1;

    /// <summary>Reward of an empty wrong response.</summary>
    public double WrongLow { get; init; } = -1;

    /// <summary>Reward of the longest wrong response.</summary>
    public double WrongHigh { get; init; } = -0.5;

    /// <summary>Tokens of the longest response, from which on the reward stays, >= 1.</summary>
    public int MaxLength { get; init; } = 1000;

    /// <inheritdoc/>
    public override IEnumerable<string> Faults(string at, int maxNewTokens)
    {
        foreach (var (name, value) in new[] { ("rightLow", RightLow), ("rightHigh", RightHigh), ("wrongLow", WrongLow),
            ("wrongHigh", WrongHigh) })
            if (!double.IsFinite(value))
                yield return $"{at}.{name} is {value}; it must be finite.";
        if (MaxLength < 1)
            yield return $"{at}.maxLength is {MaxLength}; it must be at least 1.";
    }
}

/// <summary>See <see cref="CosineConfig"/>.</summary>
/// <remarks>Source: Demystifying Long Chain-of-Thought Reasoning, arXiv:2502.03373; the constants are those of TRL's cosine_scaled
/// reward.</remarks>
internal static class CosineReward
{
    public static RewardFunction Create(CosineConfig config) => completion => completion.Verdict is { Kind: OutcomeKind.Score } verdict
        ? Outcome.Scored(Of(config, verdict.Score > 0, completion.Tokens.Count), verdict.WellFormed)
        : completion.Verdict!.Value;

    /// <summary>
    /// far + (near - far)(1 + cos(pi t)) / 2, t = length / longest, at most 1; near is the reward of length 0, far that of the longest.
    /// </summary>
    public static double Of(CosineConfig config, bool right, int length)
    {
        var (near, far) = right ? (config.RightHigh, config.RightLow) : (config.WrongLow, config.WrongHigh);
        return far + ((near - far) * (1 + Math.Cos(Math.PI * Math.Min(1, length / (double)config.MaxLength))) / 2);
    }
}
