namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Rewards whitened over all tokens of the batch by the population's variance, as OpenRLHF does for REINFORCE++.</summary>
/// <remarks>Source: REINFORCE++, arXiv:2501.03262; SPEC.md of the golden vectors for the constants.</remarks>
internal static class GlobalWhitening
{
    private const double LeastVariance = 1e-8;

    /// <summary>
    /// A = (r - mean) / sqrt(max(var, 1e-8)), each reward counting as often as its sequence has tokens; all 0 where there is no token.
    /// </summary>
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        double[] weights = [.. batch.Lengths.Select((n, i) => double.IsNaN(batch.Rewards[i]) ? 0 : n)];
        batch.Rewards.CopyTo(advantages);
        Apply(advantages, weights);
        for (var i = 0; i < weights.Length; i++)
            advantages[i] = Statistics.OrZero(advantages[i]);
    }

    /// <summary>The same of values per token, in place.</summary>
    /// <param name="values">x</param>
    /// <param name="weights">1 or 0 per token, or the number of tokens that share a value.</param>
    public static void Apply(Span<double> values, ReadOnlySpan<double> weights)
    {
        var (sum, total, squares) = (0d, 0d, 0d);
        for (var i = 0; i < values.Length; i++)
            (sum, total) = weights[i] == 0 ? (sum, total) : (sum + (values[i] * weights[i]), total + weights[i]);
        if (total == 0)
        {
            values.Clear();
            return;
        }
        var mean = sum / total;
        for (var i = 0; i < values.Length; i++)
            squares += weights[i] == 0 ? 0 : (values[i] - mean) * (values[i] - mean) * weights[i];
        var scale = 1 / Math.Sqrt(Math.Max(squares / total, LeastVariance));
        foreach (ref var x in values)
            x = (x - mean) * scale;
    }
}
