namespace G2RL.Onnx.Cuda.Checks;

/// <summary>One kernel beside the host's computation of the same.</summary>
/// <param name="Kernel">Entry of the embedded PTX.</param>
/// <param name="Compared">What was compared.</param>
/// <param name="Error">Largest difference, in the unit that <paramref name="Compared"/> names.</param>
/// <param name="Tolerance">The most that rounding explains.</param>
/// <param name="Milliseconds">Time of a launch, median.</param>
/// <param name="Bytes">What a launch has to move.</param>
public sealed record CheckResult(string Kernel, string Compared, double Error, double Tolerance, double Milliseconds, long Bytes)
{
    /// <summary>Whether the kernel equals the host. NaN does not.</summary>
    public bool Passed => Error <= Tolerance;

    /// <summary>Bytes a second, in 10^9.</summary>
    public double GigabytesPerSecond => Milliseconds > 0 ? Bytes / Milliseconds / 1e6 : 0;
}
