namespace G2RL.Onnx.Graphs.Tests;

/// <summary>Every tolerance of these tests, with its reason.</summary>
internal static class Tolerances
{
    /// <summary>Step of a central difference in float64: its error h^2 f'''/6 and the rounding error 1e-16/h balance near 1e-5.</summary>
    public const double Step = 1e-5;

    /// <summary>
    /// Gradients against central differences, relative to 1 + |gradient|: h^2 times third derivatives of up to about 100.
    /// </summary>
    public const double FiniteDifference = 1e-8;

    /// <summary>Float64 stand-ins of operators against ONNX Runtime's float32 kernels: a few float32 roundings of values near 1.</summary>
    public const double Float32Kernel = 5e-7;

    /// <summary>
    /// Products over up to 300 inputs in another order of summation, relative to the sum of the magnitudes of their terms: float32
    /// rounding, 6e-8, times a few.
    /// </summary>
    public const double QuantizedProduct = 5e-7;

    /// <summary>
    /// Logits near 1 of two-layer models whose matrices are dequantised inside the operator or before: their products differ by
    /// <see cref="QuantizedProduct"/>.
    /// </summary>
    public const double QuantizedLogits = 1e-5;

    /// <summary>Log-probs and losses of two ways to spend memory: sums in another order, float32.</summary>
    public const double Scores = 1e-5;

    /// <summary>Gradients of two ways to spend memory, relative to the largest of a tensor: sums in another order, float32.</summary>
    public const double Gradient = 2e-5;
}
