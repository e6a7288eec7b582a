using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The unclipped loss with a penalty on the tokens whose log-prob and advantage vary together most.</summary>
/// <remarks>
/// Source: The Entropy Mechanism, arXiv:2505.22617, which takes a share of 0.0002 of the tokens. In a batch's first update d is 0, and so
/// is the penalty's gradient. What two graphs find of one token differs by rounding, and |d| would push with its sign, at full strength:
/// the input <see cref="PolicyLoss.Moved"/> takes the penalty away there.
/// </remarks>
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
        var moved = c.Settings.OldIsCurrent ? d : op.Mul(d, c.Input(PolicyLoss.Moved));
        return op.Where(chosen, op.Add(loss, op.Mul(op.Op("Abs", [moved]), op.Scalar(c.Settings.Penalty))), loss);
    }
}
