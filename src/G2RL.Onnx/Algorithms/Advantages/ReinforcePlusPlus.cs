namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Returns whitened over all tokens of the batch; with a baseline, rewards less their group's mean.</summary>
/// <remarks>
/// Source: REINFORCE++, arXiv:2501.03262. With a reward at the end alone and no discount every token of a sequence has the same return.
/// </remarks>
internal static class ReinforcePlusPlus
{
    /// <summary>A = whiten(r), each reward counting as often as its sequence has tokens.</summary>
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        batch.Rewards.CopyTo(advantages);
        Whiten(batch, advantages);
    }

    /// <summary>A = whiten(r - mean of the group).</summary>
    public static void Baseline(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        GroupStandard.MeanOnly(batch, settings, advantages);
        Whiten(batch, advantages);
    }

    /// <summary>G_t = r_t + gamma G_next over unmasked tokens; a masked token carries G through and has return 0.</summary>
    public static void Returns(ReadOnlySpan<double> rewards, ReadOnlySpan<double> mask, double gamma, Span<double> returns)
    {
        var next = 0d;
        for (var t = rewards.Length - 1; t >= 0; t--)
        {
            if (mask[t] != 0)
                next = rewards[t] + (gamma * next);
            returns[t] = mask[t] != 0 ? next : 0;
        }
    }

    private static void Whiten(AdvantageBatch batch, Span<double> advantages)
    {
        var weights = batch.Lengths.Select((n, i) => double.IsNaN(batch.Rewards[i]) ? 0 : n).ToArray();
        Whitening.Apply(advantages, weights);
        for (var i = 0; i < weights.Length; i++)
            advantages[i] = Statistics.OrZero(advantages[i]);
    }
}
