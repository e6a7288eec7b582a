using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The policy gradient with a quadratic pull towards the old policy.</summary>
/// <remarks>Source: DRO, arXiv:2405.19107.</remarks>
internal static class DroLoss
{
    /// <summary>l = -(A lp - beta/2 (lp - old)^2)</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var d = op.Sub(c.LogProbs, c.Old);
        return op.Sub(op.Mul(op.Mul(d, d), op.Scalar(c.Settings.Penalty / 2)), op.Mul(c.LogProbs, c.Advantages));
    }
}
