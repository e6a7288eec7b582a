namespace G2RL.Onnx.Algorithms;

/// <summary>Group-relative advantage.</summary>
internal static class GroupAdvantage
{
    /// <summary>A_i = (r_i - mean(r)) / sqrt(var(r) + eps): how much better each rollout did than its siblings.</summary>
    /// <param name="rewards">Rewards of one prompt's rollouts, shape [G], G >= 2, finite.</param>
    /// <param name="epsilon">Added to the variance, in units of reward squared; > 0. Equal rewards then give 0, never NaN.</param>
    /// <param name="advantages">Receives A, shape [G], dimensionless. May be the same memory as <paramref name="rewards"/>.</param>
    /// <exception cref="ArgumentException">Fewer than two rewards, lengths that differ, or a reward that is not finite.</exception>
    /// <remarks>Population variance. Source: G2RL, arXiv:2512.15687, equation 2.</remarks>
    public static void Compute(ReadOnlySpan<double> rewards, double epsilon, Span<double> advantages)
    {
        if (rewards.Length < 2 || rewards.Length != advantages.Length)
            throw new ArgumentException(
                $"{rewards.Length} rewards and {advantages.Length} advantages; a group has at least 2 of each.",
                nameof(rewards));
        if (!(epsilon > 0))
            throw new ArgumentException($"epsilon is {epsilon}; it must be above 0.", nameof(epsilon));
        var mean = 0d;
        foreach (var r in rewards)
            mean += double.IsFinite(r)
                ? r / rewards.Length
                : throw new ArgumentException($"A reward is {r}; it must be finite.", nameof(rewards));
        // The mean of equal rewards may miss them by a rounding error, which the division by sqrt(eps) would make a thousand times larger.
        if (!rewards.ContainsAnyExcept(rewards[0]))
            mean = rewards[0];
        var variance = 0d;
        foreach (var r in rewards)
            variance += (r - mean) * (r - mean) / rewards.Length;
        var scale = 1 / Math.Sqrt(variance + epsilon);
        for (var i = 0; i < rewards.Length; i++)
            advantages[i] = (rewards[i] - mean) * scale;
    }
}
