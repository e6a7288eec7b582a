namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>Group-relative policy optimisation: advantages of the (shaped) rewards within the group.</summary>
internal static class Grpo
{
    /// <summary>See <see cref="AdvantageFunction"/>.</summary>
    public static void Advantages(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed)
    {
        group.Masked = group.IsLeftOutBy(config);
        for (var i = 0; group.Penalties is not null && i < group.Shaped.Length; i++)
            group.Shaped[i] += group.Penalties[i];
        GroupAdvantage.Compute(group.Shaped, config.AdvantageEpsilon, group.Advantages);
    }
}
