using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>
/// The clipped loss without the gradient of a few tokens, drawn among those whose log-prob and advantage vary together strongly.
/// </summary>
/// <remarks>
/// Source: The Entropy Mechanism, arXiv:2505.22617, with verl's bounds: a share of 0.0002 of the tokens, at least one, whose covariance
/// lies between 1 and 5 and which the clip has not stopped already. The draw is by the input <see cref="PolicyLoss.Lots"/>: the largest
/// lots win.
/// </remarks>
internal static class ClipCovLoss
{
    /// <summary>l = max(-A rho, -A clip(rho)), 0 for the tokens drawn.</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var ratio = op.Exp(op.Sub(c.LogProbs, c.Old));
        var gain = op.Neg(c.Advantages);
        var (free, clipped) = (op.Mul(gain, ratio), op.Mul(gain, LossTable.Clipped(c, ratio)));
        var live = LossTable.Live(c);
        var covariance = LossTable.Covariance(c, live);
        var within = op.Op("And", [
            op.Op("Greater", [covariance, op.Scalar(c.Settings.CovarianceLow)]),
            op.Op("Less", [covariance, op.Scalar(c.Settings.CovarianceHigh)])]);
        var eligible = op.Op("And", [within, op.Op("Not", [op.Op("Greater", [clipped, free])])]);
        // All others are below every lot, so that the largest are as many of the eligible as there are.
        var lots = op.Where(eligible, c.Input(PolicyLoss.Lots), op.Scalar(-1));
        var drawn = op.Op("And", [eligible, op.Op("GreaterOrEqual", [lots, LossTable.LeastOfTheLargest(c, live, lots)])]);
        return op.Where(drawn, op.Scalar(0), op.Max(free, clipped));
    }
}
