using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>A penalty of responses that come near the length limit, or pass it.</summary>
public sealed record OverlongRewardConfig : RewardConfig
{
    /// <summary>Whether the penalty ends at -1; else it is factor at the limit.</summary>
    public bool Bounded { get; init; }

    /// <summary>Tokens before the limit over which the penalty grows, >= 1 and at most the limit.</summary>
    public int Buffer { get; init; } = 16;

    /// <summary>What a response at the limit loses, >= 0; not for bounded.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>The limit, tokens; 0 takes sampling.maxNewTokens.</summary>
    public int MaxLength { get; init; }

    /// <inheritdoc/>
    public override IEnumerable<string> Faults(string at, int maxNewTokens)
    {
        var most = MaxLength == 0 ? maxNewTokens : MaxLength;
        if (MaxLength < 0)
            yield return $"{at}.maxLength is {MaxLength}; it must be 0 (sampling.maxNewTokens) or more.";
        else if (Buffer < 1 || Buffer > most)
            yield return $"{at}.buffer is {Buffer}; it must be 1 to the length limit ({most}).";
        if (!(Factor >= 0 && double.IsFinite(Factor)))
            yield return $"{at}.factor is {Factor}; it must be 0 or more and finite.";
    }
}

/// <summary>
/// See <see cref="OverlongRewardConfig"/>. The same formulas as <c>algorithm.overlong</c>, which penalises shaped rewards instead.
/// </summary>
internal static class OverlongReward
{
    public static IReward Create(OverlongRewardConfig config, RewardContext context)
    {
        var most = config.MaxLength == 0 ? context.MaxNewTokens : config.MaxLength;
        return new CompletionReward(c => Outcome.Scored(config.Bounded
            ? OverlongPenalty.Bounded(c.Tokens.Count, most, config.Buffer)
            : OverlongPenalty.Linear(c.Tokens.Count, most, config.Buffer, config.Factor)));
    }
}
