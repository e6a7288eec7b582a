namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>
/// A baseline for every position: the rewards of a group's responses, weighted by how much the gradients of each have added up to there.
/// </summary>
/// <remarks>
/// Source: The Optimal Token Baseline, arXiv:2602.07078, in the form of verl's optimal_token_baseline. |s_j|^2 = 1 - 2 p_j + sum p^2 is the
/// squared norm of the gradient of log p_j by the logits.
/// </remarks>
internal static class OptimalTokenBaseline
{
    private const double Epsilon = 1e-8;

    /// <summary>See <see cref="AdvantageFunction"/>; the advantage of a sequence is the mean of its tokens'.</summary>
    /// <exception cref="InvalidOperationException">The distributions of the tokens were not looked at.</exception>
    public static void Advantages(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed)
    {
        var energies = group.Energies ?? throw new InvalidOperationException("The distributions of the tokens were not looked at.");
        group.Masked = group.IsLeftOutBy(config);
        group.TokenAdvantages = Of(group.Rewards, energies);
        for (var i = 0; i < group.Advantages.Length; i++)
            group.Advantages[i] = group.TokenAdvantages[i].Average();
    }

    /// <summary>
    /// B_t = sum_i r_i W_it / (sum_i W_it + 1e-8) over the responses that reach t, W_it = sum_(j &lt;= t) |s_ij|^2; A_it = r_i - B_t. A
    /// lone response has the baseline 0.
    /// </summary>
    /// <param name="rewards">r [G]</param>
    /// <param name="energies">|s_it|^2 of each response [G][T_i].</param>
    /// <returns>A [G][T_i]</returns>
    public static double[][] Of(IReadOnlyList<double> rewards, IReadOnlyList<double[]> energies)
    {
        var advantages = energies.Select(e => new double[e.Length]).ToArray();
        var paths = new double[energies.Count];
        for (var t = 0; t < energies.Max(e => e.Length); t++)
        {
            var (sum, weight) = (0d, 0d);
            for (var i = 0; i < paths.Length; i++)
                if (t < energies[i].Length)
                {
                    paths[i] += energies[i][t];
                    (sum, weight) = (sum + (rewards[i] * paths[i]), weight + paths[i]);
                }
            var baseline = paths.Length == 1 ? 0 : sum / (weight + Epsilon);
            for (var i = 0; i < paths.Length; i++)
                if (t < energies[i].Length)
                    advantages[i][t] = rewards[i] - baseline;
        }
        return advantages;
    }

    /// <summary>|s|^2 of each token, >= 0.</summary>
    /// <param name="logProbs">log p of the tokens [T].</param>
    /// <param name="squares">sum p^2 of their distributions [T].</param>
    public static double[] Energies(IReadOnlyList<float> logProbs, IReadOnlyList<float> squares) =>
        [.. logProbs.Zip(squares, (lp, s) => Math.Max(0, 1 - (2 * Math.Exp(lp)) + s))];
}
