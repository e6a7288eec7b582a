using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms;

/// <summary>
/// The policy objective as a graph fragment over scored tokens [R]: L = sum_t w_t (l_t v_t + beta KL_t - c H_t). The loss l of a token is a
/// line of <see cref="LossTable"/>, the divergence one of <see cref="KlEstimators"/>; the weights w carry mask and aggregation
/// (<see cref="Aggregations"/>) and divide by the counts of the whole mini-batch, so that micro-batches add up exactly; v is a rollout
/// correction, where there is one.
/// </summary>
/// <remarks>Source: DeepSeekMath, arXiv:2402.03300, equations 3 and 4; METHOD.md for the aggregation.</remarks>
public static class PolicyLoss
{
    /// <summary>Input: log-probs under the policy that drew the rollouts [R].</summary>
    public const string OldLogProbs = "old_log_probs";

    /// <summary>Input: log-probs under the frozen reference [R]; only with a KL term.</summary>
    public const string ReferenceLogProbs = "reference_log_probs";

    /// <summary>Input: advantages [R].</summary>
    public const string Advantages = "advantages";

    /// <summary>Input: weights w_t [R].</summary>
    public const string Weights = "weights";

    /// <summary>Input: rollout correction v_t [R], a constant to the gradient; only when corrected.</summary>
    public const string Corrections = "corrections";

    /// <summary>Input: weights of the entropies [R]; only where they are averaged apart from the losses.</summary>
    public const string EntropyWeights = "entropy_weights";

    /// <summary>Input: weights of the divergences [R]; only where they are averaged apart from the losses.</summary>
    public const string KlWeights = "kl_weights";

    /// <summary>Input: a different number of at least 0 for each token [R]; only for losses that draw tokens by lot.</summary>
    public const string Lots = "lots";

    /// <summary>
    /// Input: 1 where the weights have moved since the old log-probs were found, 0 in the first update of a batch [R]; only for losses
    /// whose slope jumps where both are the same.
    /// </summary>
    public const string Moved = "moved";

    /// <summary>
    /// Input: 1 where the token of a column is an unmasked one of the sequence of a row, else 0 [S, R]; only for losses of whole sequences.
    /// </summary>
    public const string Membership = "membership";

    /// <summary>Input: the sequence of each token, int64 [R]; only for losses of whole sequences.</summary>
    public const string SequenceOfToken = "sequence_of_token";

    /// <summary>The objective as <c>DecoderGraph.Train</c> takes it.</summary>
    public static Func<OpBuilder, Value, Value, Value> Objective(PolicyLossSettings settings) =>
        (op, logProbs, entropy) => Total(new LossContext(op, settings, logProbs, entropy)).Loss;

    /// <summary>Next-token cross-entropy: L = -sum_t w_t lp_t. What pretraining minimises.</summary>
    public static Value CrossEntropy(OpBuilder op, Value logProbs, Value entropy) =>
        op.Neg(op.ReduceSum(op.Mul(logProbs, op.Graph.Input(Weights, ElementType.Float32, "R")), keepDims: false, 0));

    /// <summary>sum_t w_t l_t.</summary>
    /// <param name="op">The graph.</param>
    /// <param name="perToken">l [R]</param>
    /// <param name="weights">w [R]</param>
    /// <param name="select">Whether a weight of 0 leaves a token out whatever its loss is; else a loss that is no number stays one.</param>
    internal static Value Aggregate(OpBuilder op, Value perToken, Value weights, bool select)
    {
        var weighted = op.Mul(perToken, weights);
        return op.ReduceSum(
            select ? op.Where(op.Op("Equal", [weights, op.Like(weights, 0)]), op.Like(weights, 0), weighted) : weighted,
            keepDims: false,
            0);
    }

    internal static (Value Loss, Value PerToken) Total(LossContext c)
    {
        var (op, settings) = (c.Op, c.Settings);
        var loss = LossTable.All[settings.Loss].Write(c);
        if (settings.Corrected)
            loss = op.Mul(loss, c.Clean(c.Input(Corrections)));
        Value? apart = null;
        if (settings.KlCoefficient != 0)
        {
            var seen = new KlContext(op, c.LogProbs, c.Clean(c.Input(ReferenceLogProbs)), settings.KlInputClamp, settings.KlOutputClamp);
            var estimator = KlEstimators.All[settings.Kl];
            var kl = settings.KlOverRatio ? KlEstimators.Scored(estimator, seen, c.Old, settings.LogRatioClamp) : estimator(seen);
            kl = op.Mul(kl, op.Scalar(settings.KlCoefficient));
            (loss, apart) = settings.KlApart ? (loss, kl) : (op.Add(loss, kl), null);
        }
        if (settings.EntropyCoefficient != 0 && !settings.EntropyApart)
            loss = op.Sub(loss, op.Mul(c.Entropy, op.Scalar(settings.EntropyCoefficient)));
        var total = Aggregate(op, loss, c.Weights, select: false);
        if (apart is not null)
            total = op.Add(total, Aggregate(op, apart, c.Input(KlWeights), select: false));
        if (settings.EntropyCoefficient != 0 && settings.EntropyApart)
            total = op.Sub(
                total,
                op.Mul(Aggregate(op, c.Entropy, c.Input(EntropyWeights), select: false), op.Scalar(settings.EntropyCoefficient)));
        return (total, loss);
    }
}
