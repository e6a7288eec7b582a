namespace G2RL.Onnx.Algorithms.Corrections;

/// <summary>What a weight outside its bounds becomes.</summary>
internal enum OutOfBounds
{
    /// <summary>The nearer bound: truncated importance sampling (TIS).</summary>
    Truncate,

    /// <summary>0: IcePop.</summary>
    Zero,
}

/// <summary>
/// Weights that correct for a sampler whose log-probs differ from the trainer's: w = e^(trainer - sampler), per token or for a whole
/// sequence, bounded; a constant to the gradient.
/// </summary>
/// <remarks>Source: Yao et al., Your Efficient RL Framework Secretly Brings You Off-Policy RL Training (TIS), 2025; IcePop, 2025.</remarks>
internal static class RolloutCorrection
{
    /// <summary>Log-ratios are clamped to +- this before they are exponentiated.</summary>
    public const double LogClamp = 20;

    /// <summary>Weights [B, T].</summary>
    /// <param name="logRatios">trainer - sampler [B, T] row-major.</param>
    /// <param name="mask">1 where a token counts [B, T].</param>
    /// <param name="rows">B</param>
    /// <param name="sequence">Whether the ratio is that of the whole sequence.</param>
    /// <param name="low">Lower bound, >= 0.</param>
    /// <param name="high">Upper bound.</param>
    /// <param name="outside">What lies outside becomes.</param>
    /// <param name="clamp">See <see cref="LogClamp"/>; infinity is off.</param>
    public static double[] Weights(
        ReadOnlySpan<double> logRatios,
        ReadOnlySpan<double> mask,
        int rows,
        bool sequence,
        double low,
        double high,
        OutOfBounds outside,
        double clamp = LogClamp)
    {
        var weights = sequence ? Sums(logRatios, mask, rows) : logRatios.ToArray();
        for (var i = 0; i < weights.Length; i++)
            weights[i] = Bounded(Math.Exp(Math.Clamp(weights[i], -clamp, clamp)), low, high, outside);
        return weights;
    }

    /// <summary>Weights divided by their mean: over the unmasked tokens, or over the sequences that have one.</summary>
    public static void DivideByMean(Span<double> weights, ReadOnlySpan<double> mask, int rows, bool sequence)
    {
        var width = weights.Length / rows;
        var (sum, count) = (0d, 0d);
        for (var row = 0; row < rows; row++)
        {
            var seen = false;
            for (var i = row * width; i < (row + 1) * width; i++)
                if (mask[i] != 0 && !(sequence && seen))
                    (sum, count, seen) = (sum + weights[i], count + 1, true);
        }
        if (count > 0)
            foreach (ref var w in weights)
                w /= sum / count;
    }

    /// <summary>A weight within its bounds.</summary>
    public static double Bounded(double weight, double low, double high, OutOfBounds outside) =>
        outside == OutOfBounds.Truncate ? Math.Clamp(weight, low, high) : weight >= low && weight <= high ? weight : 0;

    // The sum over a sequence's unmasked tokens, at each of its positions.
    private static double[] Sums(ReadOnlySpan<double> values, ReadOnlySpan<double> mask, int rows)
    {
        var (sums, width) = (new double[values.Length], values.Length / rows);
        for (var row = 0; row < rows; row++)
        {
            var sum = 0d;
            for (var i = row * width; i < (row + 1) * width; i++)
                sum += mask[i] == 0 ? 0 : values[i];
            sums.AsSpan(row * width, width).Fill(sum);
        }
        return sums;
    }
}
