namespace G2RL.Onnx.Algorithms.Corrections;

/// <summary>Masks that choose among the tokens of a batch.</summary>
internal static class TokenMasks
{
    /// <summary>1 for unmasked tokens whose entropy reaches a quantile of the batch's entropies.</summary>
    /// <param name="entropies">Nats [B, T].</param>
    /// <param name="mask">1 where a token counts [B, T].</param>
    /// <param name="quantile">In [0, 1]; 0.8 keeps the upper fifth.</param>
    /// <remarks>Source: Beyond the 80/20 Rule, arXiv:2506.01939. The quantile interpolates linearly.</remarks>
    public static double[] HighEntropy(ReadOnlySpan<double> entropies, ReadOnlySpan<double> mask, double quantile)
    {
        var kept = new double[entropies.Length];
        var there = new List<double>();
        for (var i = 0; i < entropies.Length; i++)
            if (mask[i] != 0)
                there.Add(entropies[i]);
        if (there.Count == 0)
            return kept;
        var sorted = there.Order().ToArray();
        var place = quantile * (sorted.Length - 1);
        var below = (int)Math.Floor(place);
        var above = Math.Min(below + 1, sorted.Length - 1);
        // Interpolated from the lower value on: equal neighbours give that very value.
        var threshold = sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
        for (var i = 0; i < kept.Length; i++)
            kept[i] = mask[i] != 0 && entropies[i] >= threshold ? 1 : 0;
        return kept;
    }

    /// <summary>
    /// Per sequence 0 where the advantage is negative and the mean log-ratio sampler - trainer lies above a bound, else 1 [B].
    /// </summary>
    /// <param name="advantages">A [B].</param>
    /// <param name="logProbs">Trainer's [B, T].</param>
    /// <param name="sampled">Sampler's [B, T].</param>
    /// <param name="mask">1 where a token counts [B, T].</param>
    /// <param name="bound">Nats per token.</param>
    /// <remarks>Source: DeepSeek-V3.2, arXiv:2512.02556.</remarks>
    public static double[] OffPolicy(
        ReadOnlySpan<double> advantages,
        ReadOnlySpan<double> logProbs,
        ReadOnlySpan<double> sampled,
        ReadOnlySpan<double> mask,
        double bound)
    {
        var (kept, width) = (new double[advantages.Length], logProbs.Length / advantages.Length);
        for (var row = 0; row < kept.Length; row++)
        {
            var (sum, count) = (0d, 0d);
            for (var i = row * width; i < (row + 1) * width; i++)
                (sum, count) = mask[i] == 0 ? (sum, count) : (sum + sampled[i] - logProbs[i], count + 1);
            kept[row] = advantages[row] >= 0 || sum / Math.Max(count, 1) <= bound ? 1 : 0;
        }
        return kept;
    }
}
