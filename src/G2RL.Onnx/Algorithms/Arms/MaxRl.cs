namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>The policy gradient of log p(right) in place of p(right): the fewer answers of a group are right, the more each of them
/// counts.</summary>
/// <remarks>Source: Maximum Likelihood Reinforcement Learning, arXiv:2602.02710.</remarks>
internal static class MaxRl
{
    /// <summary>See <see cref="AdvantageFunction"/>. A right answer counts 1, any other 0, whatever the reward is.</summary>
    public static void Advantages(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed)
    {
        group.Masked = group.IsLeftOutBy(config);
        double[] right = [.. group.Verdicts.Select(v => v > 0 ? 1.0 : 0)];
        Of(right, epsilon: 0, group.Advantages);
    }

    /// <summary>A_i = (r_i - mean r) / (mean r + eps); 0 where mean r + eps = 0.</summary>
    /// <param name="rewards">r >= 0 [G], at least one.</param>
    /// <param name="epsilon">eps >= 0</param>
    /// <param name="advantages">Receives A [G].</param>
    public static void Of(ReadOnlySpan<double> rewards, double epsilon, Span<double> advantages)
    {
        var mean = 0d;
        foreach (var r in rewards)
            mean += r / rewards.Length;
        for (var i = 0; i < rewards.Length; i++)
            advantages[i] = mean + epsilon == 0 ? 0 : (rewards[i] - mean) / (mean + epsilon);
    }
}
