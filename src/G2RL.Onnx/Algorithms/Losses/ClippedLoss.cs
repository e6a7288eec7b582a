using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>
/// PPO's clipped loss per token: GRPO, Dr.GRPO and DAPO (clip-higher) by their bounds and aggregation, with the dual clip as an option.
/// </summary>
/// <remarks>Source: PPO, arXiv:1707.06347; dual clip, arXiv:1912.09729; clip-higher, DAPO, arXiv:2503.14476.</remarks>
internal static class ClippedLoss
{
    /// <summary>l = max(-A rho, -A clip(rho, 1 - low, 1 + high)); where A &lt; 0 at most -A c.</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var ratio = LossTable.Ratio(c);
        if (c.Settings.RatioLimit > 0)
        {
            // The bound holds for the unclipped branch alone; the clipped one is narrower.
            var gain = op.Neg(c.Advantages);
            return op.Max(
                op.Mul(gain, op.Clip(ratio, double.NegativeInfinity, c.Settings.RatioLimit)),
                op.Mul(gain, LossTable.Clipped(c, ratio)));
        }
        var loss = LossTable.Pessimistic(c, ratio);
        if (c.Settings.DualClip == 0)
            return loss;
        var bounded = op.Min(loss, op.Mul(op.Neg(c.Advantages), op.Scalar(c.Settings.DualClip)));
        return op.Where(op.Op("Less", [c.Advantages, op.Scalar(0)]), bounded, loss);
    }
}
