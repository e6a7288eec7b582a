namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>G2RL with one thing changed each. What else a configuration says about it holds as well.</summary>
internal static class G2rlArms
{
    /// <summary>Rewards shaped as the paper describes it, not as it prints it.</summary>
    public static void Prose(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed) =>
        G2rl.Advantages(group, features, config with { Shaping = ShapingKind.Prose }, seed);

    /// <summary>
    /// Novelties permuted at random within the group: the same numbers without their meaning. The control that the method must beat.
    /// </summary>
    public static void Shuffled(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed) =>
        G2rl.Advantages(group, features, config with { Shaping = ShapingKind.Shuffled }, seed);

    /// <summary>Groups that are all right or all wrong are left out of the loss.</summary>
    public static void Masked(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed) =>
        G2rl.Advantages(group, features, config with { HomogeneousGroups = HomogeneousKind.Mask }, seed);
}
