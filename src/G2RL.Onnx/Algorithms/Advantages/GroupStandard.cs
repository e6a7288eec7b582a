namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>
/// GRPO as torch-based trainers have it: the sample deviation (n - 1), epsilon beside it; and Dr.GRPO, which divides by nothing.
/// </summary>
/// <remarks>Source: DeepSeekMath, arXiv:2402.03300; Dr.GRPO, arXiv:2503.20783.</remarks>
internal static class GroupStandard
{
    /// <summary>A = (r - mean) / (sd + eps) within the group.</summary>
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages) =>
        Centre(batch, settings, advantages, sd => sd + settings.Epsilon);

    /// <summary>A = r - mean within the group.</summary>
    public static void MeanOnly(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages) =>
        Centre(batch, settings, advantages, _ => 1);

    /// <summary>A = (r - mean of the group) / (sd of the whole batch + eps).</summary>
    public static void OverBatch(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        var scale = Statistics.Of(batch.Rewards).Deviation + settings.Epsilon;
        Centre(batch, settings, advantages, _ => scale);
    }

    private static void Centre(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages, Func<double, double> scale)
    {
        foreach (var members in batch.Members)
        {
            var (_, mean, deviation) = Statistics.Of(members.Select(i => batch.Rewards[i]));
            if (members.Length == 1 && settings.LoneKeepsReward)
                (mean, deviation) = (0, 1);
            foreach (var i in members)
                advantages[i] = Statistics.OrZero((batch.Rewards[i] - mean) / scale(deviation));
        }
    }
}
