using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Algorithms;

/// <summary>Coefficients of the policy objective.</summary>
/// <param name="ClipLow">The ratio is clipped below at 1 - ClipLow, in [0, 1).</param>
/// <param name="ClipHigh">The ratio is clipped above at 1 + ClipHigh, >= 0.</param>
/// <param name="KlCoefficient">beta of the k3 divergence to the reference policy; 0 leaves it out.</param>
/// <param name="EntropyCoefficient">Weight of the mean token entropy, which is added to the objective; 0 leaves it out.</param>
public sealed record PolicyLossSettings(double ClipLow = 0.2, double ClipHigh = 0.2, double KlCoefficient = 0, double EntropyCoefficient = 0)
{
    /// <summary>The coefficients that a configuration asks for.</summary>
    public static PolicyLossSettings Of(Configuration.AlgorithmConfig config) => new(config.ClipLow, config.ClipHigh, config.KlCoefficient, config.EntropyCoefficient);
}

/// <summary>
/// The clipped objective as a graph fragment over scored tokens [R]:
/// L = sum_t w_t (max(-A rho, -A clip(rho, 1 - low, 1 + high)) + beta (e^d - d - 1) - c H), rho = e^{lp - old}, d = ref - lp.
/// The weights w_t = m_t / N carry mask and aggregation, N being the tokens of the whole mini-batch, so that micro-batches add up exactly.
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

    /// <summary>The objective as <c>DecoderGraph.Train</c> takes it.</summary>
    public static Func<OpBuilder, Value, Value, Value> Objective(PolicyLossSettings settings) => (op, logProbs, entropy) =>
    {
        Value Input(string name) => op.Graph.Input(name, ElementType.Float32, "R");
        var (old, advantages, weights) = (Input(OldLogProbs), Input(Advantages), Input(Weights));
        var ratio = op.Exp(op.Sub(logProbs, old));
        var gain = op.Neg(advantages);
        var loss = op.Max(op.Mul(gain, ratio), op.Mul(gain, op.Clip(ratio, 1 - settings.ClipLow, 1 + settings.ClipHigh)));
        if (settings.KlCoefficient != 0)
        {
            var d = op.Sub(Input(ReferenceLogProbs), logProbs);
            var k3 = op.Sub(op.Sub(op.Exp(d), d), op.Scalar(1));
            loss = op.Add(loss, op.Mul(k3, op.Scalar(settings.KlCoefficient)));
        }
        if (settings.EntropyCoefficient != 0)
            loss = op.Sub(loss, op.Mul(entropy, op.Scalar(settings.EntropyCoefficient)));
        return op.ReduceSum(op.Mul(loss, weights), keepDims: false, 0);
    };

    /// <summary>Next-token cross-entropy: L = -sum_t w_t lp_t. What pretraining minimises.</summary>
    public static Value CrossEntropy(OpBuilder op, Value logProbs, Value entropy) =>
        op.Neg(op.ReduceSum(op.Mul(logProbs, op.Graph.Input(Weights, ElementType.Float32, "R")), keepDims: false, 0));
}
