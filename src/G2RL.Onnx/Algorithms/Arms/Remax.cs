namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>The baseline is the reward of the greedy response to the same prompt.</summary>
/// <remarks>Source: ReMax, arXiv:2310.10505; several responses of a prompt share its baseline.</remarks>
internal static class Remax
{
    /// <summary>
    /// A_i = r_i - r(greedy); see <see cref="AdvantageFunction"/>. A group whose greedy response could not be judged is left out: without a
    /// baseline it would push all of its responses one way.
    /// </summary>
    /// <exception cref="InvalidOperationException">No greedy response was drawn.</exception>
    public static void Advantages(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed)
    {
        var baseline = group.Baseline ?? throw new InvalidOperationException("The greedy response was not drawn.");
        group.Masked = double.IsNaN(baseline) || group.IsLeftOutBy(config);
        for (var i = 0; i < group.Advantages.Length; i++)
            group.Advantages[i] = double.IsNaN(baseline) ? 0 : group.Rewards[i] - baseline;
    }
}
