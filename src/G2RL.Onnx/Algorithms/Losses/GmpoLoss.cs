using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The geometric mean of a sequence's ratios, each token clipped before the mean on the side that its advantage says.</summary>
/// <remarks>Source: GMPO, arXiv:2507.20673.</remarks>
internal static class GmpoLoss
{
    /// <summary>l = -mean_t A exp(mean_t d'), d' = sgn min(sgn d, sgn clip(d, -low, high)), sgn the sign of A.</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var d = op.Sub(c.LogProbs, c.Old);
        var sign = op.Op("Sign", [c.Advantages]);
        var clipped = op.Mul(sign, op.Min(op.Mul(sign, d), op.Mul(sign, op.Clip(d, -c.Settings.ClipLow, c.Settings.ClipHigh))));
        return c.ToTokens(op.Neg(op.Mul(c.SequenceMean(c.Advantages), op.Exp(c.SequenceMean(clipped)))));
    }
}
