using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>A smooth gate in place of the clip, with a temperature for either sign of the advantage.</summary>
/// <remarks>Source: SAPO, arXiv:2511.20347.</remarks>
internal static class SapoLoss
{
    /// <summary>l = -A sigmoid(tau (rho - 1)) 4 / tau</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var tau = op.Where(
            op.Op("Greater", [c.Advantages, op.Scalar(0)]),
            op.Scalar(c.Settings.TauPositive),
            op.Scalar(c.Settings.TauNegative));
        var gate = op.Div(op.Mul(op.Sigmoid(op.Mul(tau, op.Sub(LossTable.Ratio(c), op.Scalar(1)))), op.Scalar(4)), tau);
        return op.Neg(op.Mul(gate, c.Advantages));
    }
}
