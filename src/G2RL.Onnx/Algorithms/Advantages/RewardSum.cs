namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Several reward functions: their weighted sum first, or each normalised first.</summary>
internal static class RewardSum
{
    /// <summary>r = sum_k w_k r_k over the functions that gave a reward; NaN where none did.</summary>
    /// <param name="rewards">[B][K], NaN where a function gave none.</param>
    /// <param name="weights">[K]</param>
    public static double[] Weighted(IReadOnlyList<double[]> rewards, IReadOnlyList<double> weights) =>
        [.. rewards.Select(row => row.All(double.IsNaN) ? double.NaN : row.Select((r, k) => double.IsNaN(r) ? 0 : weights[k] * r).Sum())];

    /// <summary>
    /// z_k = (r_k - mean) / (sd + eps) within the group, s = sum_k w_k z_k, A = (s - mean s) / (sd s + eps) over the batch; 0 where no
    /// function gave a reward.
    /// </summary>
    /// <param name="rewards">[B][K], NaN where a function gave none.</param>
    /// <param name="weights">[K]</param>
    /// <param name="groups">Group of each row.</param>
    /// <param name="epsilon">eps > 0</param>
    public static double[] NormalizedFirst(IReadOnlyList<double[]> rewards, IReadOnlyList<double> weights, int[] groups, double epsilon)
    {
        var scaled = rewards.Select(row => row.ToArray()).ToArray();
        foreach (var members in Enumerable.Range(0, groups.Length).GroupBy(i => groups[i]))
            for (var k = 0; k < weights.Count; k++)
            {
                var (_, mean, deviation) = Statistics.Of(members.Select(i => rewards[i][k]));
                foreach (var i in members)
                    scaled[i][k] = (rewards[i][k] - mean) / (deviation + epsilon);
            }
        var sums = Weighted(scaled, weights);
        var (_, centre, spread) = Statistics.Of(sums);
        return [.. sums.Select(s => Statistics.OrZero((s - centre) / (spread + epsilon)))];
    }
}
