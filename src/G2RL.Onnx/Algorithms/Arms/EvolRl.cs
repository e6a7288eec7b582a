using G2RL.Onnx.Algorithms.Novelty;

namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>
/// GRPO on rewards in bands: right answers in [0.5, 1], wrong ones in [-1, -0.5], malformed ones at -1; within its band a response lies the
/// higher the less its embedding resembles the others'.
/// </summary>
/// <remarks>
/// Source: EVOL-RL, arXiv:2509.15194, with the verifier in place of the majority vote, as in the comparison of G2RL, arXiv:2512.15687.
/// </remarks>
internal static class EvolRl
{
    // Share of the mean similarity to the class in the redundancy; the rest is the largest similarity to anything in the group.
    private const double MeanShare = 0.5;
    private const double Right = 0.5;
    private const double Wrong = -1;
    private const double Band = 0.5;

    /// <summary>See <see cref="AdvantageFunction"/>.</summary>
    public static void Advantages(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed)
    {
        var m = group.Members.Length;
        group.Cosines = new double[m * m];
        ExplorationScore.Cosines(features ?? throw new ArgumentNullException(nameof(features)), group.Cosines);
        Novelty(group.Cosines, group.Verdicts, group.Novelty);
        var normalized = new double[m];
        ExplorationScore.NormalizeByClass(group.Novelty, group.Verdicts, normalized);
        for (var i = 0; i < m; i++)
            group.Shaped[i] = Reward(group.Verdicts[i] > 0, group.Outcomes[group.Members[i]].WellFormed, normalized[i]);
        Grpo.Advantages(group, features, config, seed);
    }

    /// <summary>
    /// u_i = 1 - (a mean_sim_i + (1 - a) max_sim_i): the mean over the others of its class (0 of none), the largest over all others.
    /// </summary>
    /// <param name="cosines">S [m, m].</param>
    /// <param name="rewards">Base rewards [m]; above 0 is the class of right answers, the rest the other.</param>
    /// <param name="novelty">Receives u [m], in [0, 2].</param>
    public static void Novelty(ReadOnlySpan<double> cosines, ReadOnlySpan<double> rewards, Span<double> novelty)
    {
        var m = rewards.Length;
        for (var i = 0; i < m; i++)
        {
            var (sum, count, largest) = (0d, 0, double.NegativeInfinity);
            for (var j = 0; j < m; j++)
            {
                if (j == i)
                    continue;
                var similarity = cosines[(i * m) + j];
                largest = Math.Max(largest, similarity);
                if (rewards[i] > 0 == rewards[j] > 0)
                    (sum, count) = (sum + similarity, count + 1);
            }
            novelty[i] = 1 - ((MeanShare * (count == 0 ? 0 : sum / count)) + ((1 - MeanShare) * largest));
        }
    }

    /// <summary>The reward of a response: 0.5 + 0.5 u when right, -1 + 0.5 u when wrong, -1 when malformed.</summary>
    public static double Reward(bool right, bool wellFormed, double normalizedNovelty) =>
        right ? Right + (Band * normalizedNovelty) : wellFormed ? Wrong + (Band * normalizedNovelty) : Wrong;
}
