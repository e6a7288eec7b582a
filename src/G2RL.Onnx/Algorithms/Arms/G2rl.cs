using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>GRPO on rewards that are shaped by the novelty of each rollout's feature among its siblings'.</summary>
internal static class G2rl
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
        if (config.NoveltyWithin == NoveltyScope.Right)
        {
            OfTheRight(group, config, seed);
            Grpo.Advantages(group, features, config, seed);
            return;
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

    // Novelty, its scale and the shaping among right answers alone; the novelty of all others is 0.
    private static void OfTheRight(ScoredGroup group, AlgorithmConfig config, ulong seed)
    {
        var m = group.Members.Length;
        int[] right = [.. Enumerable.Range(0, m).Where(i => group.Verdicts[i] > 0)];
        Array.Clear(group.Novelty);
        if (right.Length < 2)
            return;
        var (cosines, novelty) = (new double[right.Length * right.Length], new double[right.Length]);
        for (var i = 0; i < right.Length; i++)
            for (var j = 0; j < right.Length; j++)
                cosines[(i * right.Length) + j] = group.Cosines[(right[i] * m) + right[j]];
        ExplorationScore.Novelty(cosines, [.. right.Select(i => group.Rewards[i])], novelty);
        for (var i = 0; i < right.Length; i++)
            group.Novelty[right[i]] = novelty[i];
        ExplorationScore.Normalize(novelty, novelty);
        if (config.Shaping == ShapingKind.Shuffled)
            novelty = [.. Seeds.Permutation(seed, right.Length).Select(i => novelty[i])];
        for (var i = 0; i < right.Length; i++)
            group.Shaped[right[i]] =
                RewardShaping.Shape(config.Shaping, group.Rewards[right[i]], novelty[i], config.Lambda, config.RewardClip);
    }
}
