namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Only a group's best rollout has an advantage: what it is better by than the second.</summary>
/// <remarks>Source: Pass@k policy optimisation, arXiv:2503.19595.</remarks>
internal static class PassAtKBest
{
    /// <summary>A = (r1 - r2) / (sd + eps) for the first best, else 0.</summary>
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages) =>
        Compute(batch, sd => sd + settings.Epsilon, advantages);

    /// <summary>A = r1 - r2 for the first best, else 0.</summary>
    public static void Unscaled(AdvantageBatch batch, Span<double> advantages) => Compute(batch, _ => 1, advantages);

    private static void Compute(AdvantageBatch batch, Func<double, double> scale, Span<double> advantages)
    {
        foreach (var members in batch.Members)
        {
            foreach (var i in members)
                advantages[i] = 0;
            var order = members.Where(i => !double.IsNaN(batch.Rewards[i])).OrderByDescending(i => batch.Rewards[i]).ToArray();
            if (order.Length > 1)
                advantages[order[0]] = (batch.Rewards[order[0]] - batch.Rewards[order[1]])
                    / scale(Statistics.Of(members.Select(i => batch.Rewards[i])).Deviation);
        }
    }
}
