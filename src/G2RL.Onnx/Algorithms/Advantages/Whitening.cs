namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Mean and variance over tokens.</summary>
internal static class Whitening
{
    private const float Tiny = 1e-8f;

    /// <summary>sum(x m) / (sum m + 1e-8).</summary>
    /// <param name="values">x</param>
    /// <param name="weights">m: 1 or 0 per token, or the number of tokens that share a value.</param>
    public static double Mean(ReadOnlySpan<double> values, ReadOnlySpan<double> weights)
    {
        var (sum, total) = (0d, 0d);
        for (var i = 0; i < values.Length; i++)
            (sum, total) = (weights[i] == 0 ? sum : sum + (values[i] * weights[i]), total + weights[i]);
        // In float32, as the trainers add it: nothing to a count of tokens, but what keeps 0 / 0 from being NaN.
        return sum / ((float)total + Tiny);
    }

    /// <summary>
    /// (x - mean) / sqrt(var + 1e-8), the variance with N - 1, in place; masked values, too, by the same mean and variance.
    /// </summary>
    /// <param name="values">x</param>
    /// <param name="weights">m, see <see cref="Mean"/>.</param>
    /// <exception cref="ArgumentException">One token or none: there is no variance.</exception>
    public static void Apply(Span<double> values, ReadOnlySpan<double> weights)
    {
        var mean = Mean(values, weights);
        var scale = 1 / Math.Sqrt(Variance(values, weights, unbiased: true) + Tiny);
        foreach (ref var x in values)
            x = (x - mean) * scale;
    }

    /// <summary>The mean of (x - mean)^2, times N / (N - 1) where it is unbiased.</summary>
    /// <param name="values">x</param>
    /// <param name="weights">m, see <see cref="Mean"/>.</param>
    /// <param name="unbiased">Whether N - 1 divides.</param>
    /// <exception cref="ArgumentException">One token or none of which an unbiased variance is asked.</exception>
    public static double Variance(ReadOnlySpan<double> values, ReadOnlySpan<double> weights, bool unbiased)
    {
        var mean = Mean(values, weights);
        var total = 0d;
        var squares = new double[values.Length];
        for (var i = 0; i < values.Length; i++)
            (total, squares[i]) = (total + weights[i], (values[i] - mean) * (values[i] - mean));
        if (unbiased && total <= 1)
            throw new ArgumentException($"{total} tokens to whiten; a variance needs at least 2.", nameof(weights));
        return unbiased ? Mean(squares, weights) * total / (total - 1) : Mean(squares, weights);
    }
}
