namespace G2RL.Onnx.Algorithms.Corrections;

/// <summary>Leaves tokens or whole sequences out of the loss whose sampler and trainer disagree too much.</summary>
internal static class Rejection
{
    /// <summary>
    /// The names: token, or sequence by sum, mean or maximum; estimator k1 (sampler - trainer), k2 or k3 of the divergence.
    /// </summary>
    public static IReadOnlyList<string> Options { get; } =
        ["token_k1", "token_k2", "token_k3", "seq_sum_k1", "seq_sum_k2", "seq_sum_k3", "seq_mean_k1", "seq_mean_k2", "seq_mean_k3",
            "seq_max_k2", "seq_max_k3"];

    /// <summary>The mask without what is rejected [B, T].</summary>
    /// <param name="logRatios">trainer - sampler [B, T] row-major.</param>
    /// <param name="mask">1 where a token counts [B, T].</param>
    /// <param name="rows">B</param>
    /// <param name="option">One of <see cref="Options"/>.</param>
    /// <param name="low">Lower bound of the ratio of sampler to trainer, >= 0; for k1 alone.</param>
    /// <param name="high">Upper bound of that ratio for k1, of the divergence for k2 and k3.</param>
    /// <exception cref="ArgumentException">No such option.</exception>
    public static double[] Mask(ReadOnlySpan<double> logRatios, ReadOnlySpan<double> mask, int rows, string option, double low, double high)
    {
        if (!Options.Contains(option))
            throw new ArgumentException($"There is no rejection '{option}'. There are: {string.Join(", ", Options)}.", nameof(option));
        var (estimator, width, kept) = (option[^1], logRatios.Length / rows, new double[logRatios.Length]);
        var (least, most) = estimator == '1' ? (Math.Log(low), Math.Log(high)) : (double.NegativeInfinity, high);
        for (var row = 0; row < rows; row++)
        {
            var (sum, count, largest) = (0d, 0, double.NegativeInfinity);
            for (var i = row * width; i < (row + 1) * width; i++)
            {
                var value = Estimate(logRatios[i], estimator);
                if (mask[i] != 0)
                    (sum, count, largest) = (sum + value, count + 1, Math.Max(largest, value));
                kept[i] = value >= least && value <= most ? mask[i] : 0;
            }
            if (option.StartsWith("token", StringComparison.Ordinal))
                continue;
            var whole = option.StartsWith("seq_sum", StringComparison.Ordinal)
                ? sum
                : option.StartsWith("seq_max", StringComparison.Ordinal) ? largest
                : sum / Math.Max(count, 1);
            for (var i = row * width; i < (row + 1) * width; i++)
                kept[i] = whole >= least && whole <= most ? mask[i] : 0;
        }
        return kept;
    }

    private static double Estimate(double logRatio, char estimator)
    {
        var d = Math.Clamp(logRatio, -RolloutCorrection.LogClamp, RolloutCorrection.LogClamp);
        return estimator switch
        {
            '1' => -d,
            '2' => d * d / 2,
            _ => Math.Exp(d) - d - 1,
        };
    }
}
