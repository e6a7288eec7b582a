using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The unclipped loss with a penalty on the tokens whose log-prob and advantage vary together most.</summary>
/// <remarks>Source: The Entropy Mechanism, arXiv:2505.22617, which takes a share of 0.0002 of the tokens.</remarks>
internal static class KlCovLoss
{
    /// <summary>l = -A rho; + beta |d| where (A - mean A)(lp - mean lp) is among the largest.</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var d = op.Sub(c.LogProbs, c.Old);
        var loss = op.Mul(op.Neg(c.Advantages), op.Exp(d));
        var live = LossTable.Live(c);
        var covariance = LossTable.Covariance(c, live);
        var chosen = op.Op("GreaterOrEqual", [covariance, LossTable.LeastOfTheLargest(c, live, covariance)]);
        return op.Where(chosen, op.Add(loss, op.Mul(op.Op("Abs", [d]), op.Scalar(c.Settings.Penalty))), loss);
    }
}
