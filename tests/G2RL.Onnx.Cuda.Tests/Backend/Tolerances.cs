namespace G2RL.Onnx.Cuda.Tests.Backend;

/// <summary>How far the device's numbers may lie from the host's, with the reason.</summary>
internal static class Tolerances
{
    /// <summary>
    /// Log-probs and entropies, nats: both sides measure float32 logits whose last bits may differ between attention graphs (2e-6 for
    /// logits near 5).
    /// </summary>
    public const double LogProbs = 1e-5;

    /// <summary>An element of u: sums of a rollout's probabilities, each rounded to float32.</summary>
    public const double FeatureWeight = 1e-6;

    /// <summary>An element of Phi or of a hidden state: products of what differs by 1e-6.</summary>
    public const double Feature = 1e-5;

    /// <summary>
    /// Cosines and novelties of features that differ by 1e-6, divided by norms that are small where rollouts are nearly typical.
    /// </summary>
    public const double Novelty = 1e-4;

    /// <summary>A uniform number this near to a boundary of the distribution may choose either neighbour.</summary>
    public const double Boundary = 1e-6;

    /// <summary>
    /// Weights after ten updates, for 99.9 % of them; the rest within 2 lr an update, since Adam divides tiny gradients by themselves.
    /// </summary>
    public const double Weights = 1e-5;

    /// <summary>Log-probs where products are in float16: eleven bits of each factor, in logits near 5.</summary>
    public const double NarrowLogProbs = 3e-2;

    /// <summary>A norm of gradients where products are in float16, relative.</summary>
    public const double NarrowGradient = 1e-2;

    /// <summary>Attention with shares and results in bfloat16, of the largest number: three roundings of 2^-8 each.</summary>
    public const double NarrowAttention = 0.012;

    /// <summary>Norm, rotation, gated unit and attention in a row, each rounded to bfloat16, forwards and back: six roundings.</summary>
    public const double NarrowLayer = 0.024;

    /// <summary>
    /// Log-probs, nats, of a whole graph in bfloat16: logits near 7 from numbers that were each rounded to eight bits, 0.027 at most; a few
    /// such roundings, of which the worst of a hundred tokens shows 0.03 to 0.07.
    /// </summary>
    public const double NarrowModelLogProbs = 0.1;

    /// <summary>
    /// The difference of a parameter's gradient there, of the whole gradient's norm, and of the loss, of itself: 0.007 to 0.02 by eight
    /// bits of every number on the way.
    /// </summary>
    public const double NarrowModelGradient = 0.03;
}
