namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>
/// The advantage of a reward that is given to sets of k rollouts, right when one of them is: what raises pass@k rather than pass@1.
/// </summary>
/// <remarks>Source: Pass@k training, arXiv:2508.10751, the form worked out for every set of k of the group.</remarks>
internal static class PassAtKTraining
{
    /// <summary>See <see cref="AdvantageFunction"/>. A group smaller than k is taken as one set.</summary>
    public static void Advantages(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed)
    {
        group.Masked = group.IsLeftOutBy(config);
        var n = group.Rewards.Length;
        var (right, wrong) = Of(n, group.Verdicts.Count(v => v > 0), Math.Min(config.PassAtK, n));
        for (var i = 0; i < n; i++)
            group.Advantages[i] = group.Verdicts[i] > 0 ? right : wrong;
    }

    /// <summary>
    /// rho = 1 - C(n-c, k) / C(n, k), s = sqrt(rho (1 - rho)); A+ = (1 - rho) / s, A- = (1 - rho - C(n-c-1, k-1) / C(n-1, k-1)) / s; both 0
    /// where s = 0.
    /// </summary>
    /// <param name="n">Rollouts, >= 1.</param>
    /// <param name="c">Right ones, 0 to n.</param>
    /// <param name="k">1 to n.</param>
    public static (double Right, double Wrong) Of(int n, int c, int k)
    {
        var none = NoneRight(n, c, k);
        var s = Math.Sqrt((1 - none) * none);
        // With a given wrong rollout the other k - 1 of a set are drawn from the n - 1 that are left.
        return s == 0 ? (0, 0) : (none / s, (none - NoneRight(n - 1, c, k - 1)) / s);
    }

    // C(n-c, k) / C(n, k): the share of the sets without a right rollout, factor by factor, so that the smallest of them is no difference
    // of near numbers.
    private static double NoneRight(int n, int c, int k)
    {
        var share = 1d;
        for (var i = 0; i < k; i++)
            share *= (n - c - i) / (double)(n - i);
        return share;
    }
}
