using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>One ratio for a whole sequence, the geometric mean of its tokens' ratios, clipped as in PPO.</summary>
/// <remarks>Source: GSPO, arXiv:2507.18071: equation 7 for the ratio, 14 for the form per token.</remarks>
internal static class GspoLoss
{
    // What the log-ratio may be at most, in the form per token.
    private const double MostLogRatio = 10;

    /// <summary>rho = exp(mean_t d), the gradient through the mean.</summary>
    public static Value Write(LossContext c) => LossTable.Pessimistic(c, c.ToTokens(c.Op.Exp(c.SequenceMean(c.Op.Sub(c.LogProbs, c.Old)))));

    /// <summary>
    /// rho_t = exp(min(sg[mean_t d] + lp - sg[lp], 10)): the same value, and each token with its own advantage and gradient.
    /// </summary>
    public static Value Token(LossContext c)
    {
        var op = c.Op;
        var mean = op.Detach(c.ToTokens(c.SequenceMean(op.Sub(c.LogProbs, c.Old))));
        var log = op.Add(mean, op.Sub(c.LogProbs, op.Detach(c.LogProbs)));
        return LossTable.Pessimistic(c, op.Exp(op.Clip(log, double.NegativeInfinity, MostLogRatio)));
    }
}
