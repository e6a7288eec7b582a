namespace G2RL.Onnx.Rollouts;

/// <summary>
/// The weight at which top-k and top-p cut. One pass counts weights by their leading bits; only those at or above the bucket where the cut
/// falls are sorted, which is a handful for a peaked distribution.
/// </summary>
/// <param name="vocabulary">V</param>
internal sealed class TokenFilter(int vocabulary)
{
    // The leading 16 bits of a float32 in [0, 1]: exponent and 7 bits of mantissa, in the order of the numbers.
    private const int Shift = 16;
    private const int Buckets = (0x3F800000 >> Shift) + 1;

    private readonly int[] counts = new int[Buckets];
    private readonly double[] masses = new double[Buckets];
    private readonly float[] candidates = new float[vocabulary];

    /// <summary>Where to cut.</summary>
    /// <param name="weights">exp((z - max) / T), in [0, 1], [V].</param>
    /// <param name="sum">Their sum.</param>
    /// <param name="topK">Tokens to keep at most; 0 means all.</param>
    /// <param name="topP">Share of the mass, after top-k, that the kept tokens must reach; in (0, 1].</param>
    /// <returns>The least weight that stays, and how many tokens of just this weight do.</returns>
    public (float Threshold, int Ties) Threshold(ReadOnlySpan<float> weights, double sum, int topK, double topP)
    {
        var limit = topK > 0 ? Math.Min(topK, vocabulary) : vocabulary;
        var count = Gather(weights, limit, topK > 0 ? double.PositiveInfinity : topP * sum);
        var sorted = candidates.AsSpan(0, count);
        sorted.Sort();
        var kept = Math.Min(limit, count);
        if (topP < 1)
        {
            var mass = topK > 0 ? MassOfLargest(sorted, kept) : sum;
            var (cumulative, n) = (0d, 0);
            while (n < kept && cumulative < topP * mass)
                cumulative += sorted[^++n];
            kept = Math.Max(1, n);
        }
        var threshold = sorted[^kept];
        var ties = kept;
        while (sorted[^(kept - ties + 1)] > threshold)
            ties--;
        return (threshold, ties);
    }

    /// <summary>Gathers the largest weights: whole buckets, until there are enough by number, at most V, or by mass.</summary>
    /// <returns>How many were gathered.</returns>
    internal int Gather(ReadOnlySpan<float> weights, int number, double mass)
    {
        Array.Clear(counts);
        Array.Clear(masses);
        foreach (var w in weights)
        {
            var bucket = BitConverter.SingleToInt32Bits(w) >> Shift;
            counts[bucket]++;
            masses[bucket] += w;
        }
        var (lowest, found, reached) = (Buckets, 0, 0d);
        while (found < number && reached < mass)
        {
            found += counts[--lowest];
            reached += masses[lowest];
        }
        var least = BitConverter.Int32BitsToSingle(lowest << Shift);
        var count = 0;
        foreach (var w in weights)
            if (w >= least)
                candidates[count++] = w;
        return count;
    }

    private static double MassOfLargest(ReadOnlySpan<float> sorted, int count)
    {
        var mass = 0d;
        for (var i = 1; i <= count; i++)
            mass += sorted[^i];
        return mass;
    }
}
