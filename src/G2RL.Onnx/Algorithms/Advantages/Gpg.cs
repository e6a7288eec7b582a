namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Centred rewards, scaled up where many of a batch are 0.</summary>
/// <remarks>Source: GPG, arXiv:2504.02546.</remarks>
internal static class Gpg
{
    /// <summary>A = B / max(1, rewards that are not 0) (r - mean).</summary>
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        GroupStandard.MeanOnly(batch, settings, advantages);
        var scale = batch.Rewards.Length / (double)Math.Max(1, batch.Rewards.Count(r => r is not (0 or double.NaN)));
        foreach (ref var a in advantages)
            a *= scale;
    }
}
