using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The clipped ratio as a constant weight of the policy gradient: no token loses its gradient.</summary>
/// <remarks>Source: MiniMax-M1, arXiv:2506.13585.</remarks>
internal static class CispoLoss
{
    /// <summary>l = -sg[clip(rho, 1 - low, 1 + high)] A lp</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var weight = op.Detach(LossTable.Clipped(c, LossTable.Ratio(c)));
        return op.Neg(op.Mul(op.Mul(weight, c.Advantages), c.LogProbs));
    }
}
