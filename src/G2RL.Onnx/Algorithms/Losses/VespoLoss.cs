using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>The policy gradient weighted by a bounded function of the whole sequence's ratio.</summary>
/// <remarks>Source: VESPO, arXiv:2602.10693.</remarks>
internal static class VespoLoss
{
    // The log-ratio of a token, of a sequence, and the (k, lambda) of either sign of the advantage.
    private const double MostTokenLog = 20;
    private const double Least = 1e-8;
    private const double MostLog = 20;
    private static readonly (double K, double Lambda) Good = (2, 3);
    private static readonly (double K, double Lambda) Bad = (3, 2);

    /// <summary>l = -phi A lp, phi = sg[exp(lambda + k ln w - lambda w)], ln w = clamp(sum_t clamp(d, +-20), ln 1e-8, 20).</summary>
    public static Value Write(LossContext c)
    {
        var op = c.Op;
        var d = op.Clip(op.Sub(c.LogProbs, c.Old), -MostTokenLog, MostTokenLog);
        var log = op.Clip(c.ToTokens(c.SequenceSum(d)), Math.Log(Least), MostLog);
        var good = op.Op("GreaterOrEqual", [c.Advantages, op.Scalar(0)]);
        var k = op.Where(good, op.Scalar(Good.K), op.Scalar(Bad.K));
        var lambda = op.Where(good, op.Scalar(Good.Lambda), op.Scalar(Bad.Lambda));
        var phi = op.Detach(op.Exp(op.Sub(op.Add(lambda, op.Mul(k, log)), op.Mul(lambda, op.Exp(log)))));
        return op.Neg(op.Mul(op.Mul(phi, c.Advantages), c.LogProbs));
    }
}
