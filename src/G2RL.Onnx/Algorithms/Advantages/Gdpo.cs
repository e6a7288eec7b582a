namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Each reward of a run is normalised by itself within the group, so that none drowns the others; then they are added up and
/// normalised once more.</summary>
/// <remarks>
/// Source: GDPO, arXiv:2601.05242. TRL normalises the sums over the sequences of the batch, verl whitens them over its tokens
/// (<see cref="AdvantageSettings.WhitensTokens"/>).
/// </remarks>
internal static class Gdpo
{
    /// <summary>z_k = (r_k - mean) / (sd + eps) within the group, s = sum_k w_k z_k, A = s normalised over the batch; 0 where no reward
    /// is there.</summary>
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        double[][] parts = batch.Parts ?? [.. batch.Rewards.Select(r => new[] { r })];
        if (!settings.WhitensTokens)
        {
            RewardSum.NormalizedFirst(parts, batch.Weights, batch.Groups, settings.Epsilon).CopyTo(advantages);
            return;
        }
        advantages.Clear();
        var own = new double[advantages.Length];
        for (var k = 0; k < batch.Weights.Count; k++)
        {
            GroupStandard.Compute(batch with { Rewards = [.. parts.Select(p => p[k])] }, settings, own);
            for (var i = 0; i < own.Length; i++)
                advantages[i] += batch.Weights[k] * own[i];
        }
        double[] weights = [.. batch.Lengths.Select((n, i) => parts[i].All(double.IsNaN) ? 0 : n)];
        Whitening.Apply(advantages, weights);
        for (var i = 0; i < weights.Length; i++)
            advantages[i] = parts[i].All(double.IsNaN) ? 0 : advantages[i];
    }
}
