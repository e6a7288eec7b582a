namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Leave-one-out: the baseline of a rollout is the mean reward of the others.</summary>
/// <remarks>Source: Back to Basics, arXiv:2402.14740.</remarks>
internal static class Rloo
{
    /// <summary>A = r - (sum - r) / (n - 1).</summary>
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        foreach (var members in batch.Members)
        {
            var (count, mean, _) = Statistics.Of(members.Select(i => batch.Rewards[i]));
            foreach (var i in members)
                advantages[i] = Statistics.OrZero(count > 1
                    ? (batch.Rewards[i] - mean) * count / (count - 1)
                    : settings.LoneKeepsReward ? batch.Rewards[i]
                    : 0);
        }
    }

    /// <summary>(A - mean) / (sd + eps) over the whole batch; missing rewards stay 0.</summary>
    public static void Normalize(ReadOnlySpan<double> rewards, double epsilon, Span<double> advantages)
    {
        var there = new List<double>();
        for (var i = 0; i < rewards.Length; i++)
            if (!double.IsNaN(rewards[i]))
                there.Add(advantages[i]);
        var (_, mean, deviation) = Statistics.Of(there);
        for (var i = 0; i < rewards.Length; i++)
            advantages[i] = double.IsNaN(rewards[i]) ? 0 : (advantages[i] - mean) / (deviation + epsilon);
    }
}
