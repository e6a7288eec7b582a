using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>GRPO on rewards that are shaped by the novelty of each rollout's feature among its siblings'.</summary>
public static class G2rl
{
    /// <summary>See <see cref="AdvantageFunction"/>.</summary>
    public static void Advantages(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed)
    {
        var m = group.Members.Length;
        // A device may have measured the group already.
        if (group.Cosines.Length == 0)
        {
            group.Cosines = new double[m * m];
            ExplorationScore.Cosines(features ?? throw new ArgumentNullException(nameof(features)), group.Cosines);
            ExplorationScore.Novelty(group.Cosines, group.Rewards, group.Novelty);
        }
        var normalized = new double[m];
        if (config.NoveltyWithin == NoveltyScope.Class)
            ExplorationScore.NormalizeByClass(group.Novelty, group.Verdicts, normalized);
        else
            ExplorationScore.Normalize(group.Novelty, normalized);
        if (config.Shaping == ShapingKind.Shuffled)
        {
            var order = Seeds.Permutation(seed, m);
            normalized = [.. order.Select(i => normalized[i])];
        }
        for (var i = 0; i < m; i++)
            group.Shaped[i] = RewardShaping.Shape(config.Shaping, group.Rewards[i], normalized[i], config.Lambda, config.RewardClip);
        Grpo.Advantages(group, features, config, seed);
    }
}
