using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The unclipped loss with a penalty on the token whose log-prob and advantage vary together most.</summary>
/// <remarks>
/// Source: The Entropy Mechanism, arXiv:2505.22617. The method takes a share of 0.0002 of the tokens, at least one: below 10,000 tokens
/// that is one, which is what is written here.
/// </remarks>
internal static class KlCovLoss
{
    /// <summary>l = -A rho; + beta |d| where (A - mean A)(lp - mean lp) is largest.</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var d = op.Sub(c.LogProbs, c.Old);
        var loss = op.Mul(op.Neg(c.Advantages), op.Exp(d));
        var live = op.Cast(op.Op("Not", [op.Op("Equal", [c.Weights, op.Scalar(0)])]), ElementType.Float32);
        var count = op.Max(op.ReduceSum(live, keepDims: false, 0), op.Scalar(1));
        Value Centred(Value x) => op.Sub(x, op.Div(op.ReduceSum(op.Mul(x, live), keepDims: false, 0), count));
        var covariance = op.Mul(Centred(c.Advantages), Centred(op.Detach(c.LogProbs)));
        var among = op.Where(op.Op("Greater", [live, op.Scalar(0)]), covariance, op.Scalar(double.NegativeInfinity));
        var largest = op.Op("ReduceMax", [among, op.Ints(0)], ("keepdims", 0L));
        var penalised = op.Add(loss, op.Mul(op.Op("Abs", [d]), op.Scalar(c.Settings.Penalty)));
        return op.Where(op.Op("Equal", [among, largest]), penalised, loss);
    }
}
