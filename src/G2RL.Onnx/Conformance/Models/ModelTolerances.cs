namespace G2RL.Onnx.Conformance.Models;

/// <summary>
/// What float32 may differ by from golden vectors computed in float64, with what another float32 implementation differs by.
/// </summary>
internal static class ModelTolerances
{
    /// <summary>Logits and hidden states; another implementation: 3.8e-6.</summary>
    public const double Logits = 2e-5;

    /// <summary>Logits at positions up to 407, where angles lose bits; another implementation: 5.2e-6.</summary>
    public const double FarLogits = 5e-5;

    /// <summary>Loss; another implementation: 4.2e-7.</summary>
    public const double Loss = 5e-6;

    /// <summary>Gradients, absolute; another implementation: 1.7e-6.</summary>
    public const double Gradient = 1e-5;

    /// <summary>Gradients relative to the tensor's largest; another implementation: 3.3e-6.</summary>
    public const double GradientRelative = 2e-5;

    /// <summary>
    /// Parameters after optimizer steps, for 99.9 % of them; the rest within 2 lr a step, since Adam divides tiny gradients by themselves.
    /// </summary>
    public const double Parameters = 2e-6;

    /// <summary>Cosines of features; another implementation: 8.5e-8.</summary>
    public const double Cosine = 1e-6;

    /// <summary>Min-max normalised novelty, whose division amplifies rounding; another implementation: 1.4e-6.</summary>
    public const double Novelty = 2e-5;
}
