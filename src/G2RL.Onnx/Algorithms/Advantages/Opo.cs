namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>The baseline weighs rewards by length, which makes the gradient's variance smallest.</summary>
/// <remarks>Source: OPO, arXiv:2505.23585.</remarks>
internal static class Opo
{
    /// <summary>A = r - sum(len r) / sum(len).</summary>
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        foreach (var members in batch.Members)
        {
            var scored = members.Where(i => !double.IsNaN(batch.Rewards[i])).ToArray();
            var total = scored.Sum(i => batch.Lengths[i]);
            var baseline = members.Length == 1 && settings.LoneKeepsReward || total == 0
                ? 0
                : scored.Sum(i => batch.Lengths[i] * batch.Rewards[i]) / total;
            foreach (var i in members)
                advantages[i] = Statistics.OrZero(batch.Rewards[i] - baseline);
        }
    }
}
