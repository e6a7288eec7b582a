using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The plain policy gradient: the old policy does not enter.</summary>
/// <remarks>Source: GPG, arXiv:2504.02546.</remarks>
internal static class ReinforceLoss
{
    /// <summary>l = -A lp</summary>
    public static Value Write(LossContext c) => c.Op.Mul(c.Op.Neg(c.Advantages), c.LogProbs);
}
