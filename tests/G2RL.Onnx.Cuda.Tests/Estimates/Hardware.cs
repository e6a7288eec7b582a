namespace G2RL.Onnx.Cuda.Tests.Estimates;

/// <summary>What an estimate takes a GPU and its host for; assumptions, to be replaced by what a real run shows.</summary>
/// <param name="Bandwidth">Bytes a second that kernels reach: 80 % of the data sheet's.</param>
/// <param name="Products">Floating-point operations a second of large bfloat16 products: 60 % of the data sheet's.</param>
/// <param name="Peak">The data sheet's, for shares.</param>
/// <param name="Enqueue">Seconds of the host a launch, product or copy of ONNX Runtime.</param>
/// <param name="Gap">Seconds of the device between two kernels that the host launches.</param>
/// <param name="CapturedGap">The same inside a CUDA graph.</param>
internal sealed record Hardware(
    double Bandwidth,
    double Products,
    double Peak,
    double Enqueue,
    double Gap,
    double CapturedGap)
{
    /// <summary>H100 SXM: 3.35 TB/s, 989 TFLOP/s.</summary>
    public static Hardware H100 { get; } = new(0.8 * 3.35e12, 0.6 * 989e12, 989e12, 5e-6, 1.5e-6, 0.8e-6);
}
