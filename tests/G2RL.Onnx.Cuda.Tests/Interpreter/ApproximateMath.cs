namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>
/// The approximate instructions, with an error drawn at random within what the PTX ISA documents, so that a result that hangs on more
/// accuracy than a device promises shows.
/// </summary>
/// <param name="noise">Share of the documented error that is used: 0 gives the nearest float, 1 all of it.</param>
/// <param name="seed">Of the errors.</param>
internal sealed class ApproximateMath(double noise, ulong seed)
{
    private ulong state = seed;

    /// <summary>ex2.approx: 2 ulp.</summary>
    public float Exp2(float x) => Relative(Math.Pow(2, x), 2 * Math.Pow(2, -23));

    /// <summary>lg2.approx: 2^-22 absolute on (0.5, 2), 2^-22 relative elsewhere.</summary>
    public float Log2(float x) =>
        x is > 0.5f and < 2 ? (float)(Math.Log2(x) + (Error() * Math.Pow(2, -22))) : Relative(Math.Log2(x), Math.Pow(2, -22));

    /// <summary>rcp.approx: 1 ulp.</summary>
    public float Reciprocal(float x) => Relative(1 / (double)x, Math.Pow(2, -23));

    /// <summary>sqrt.approx: 2^-23 relative.</summary>
    public float SquareRoot(float x) => Relative(Math.Sqrt(x), Math.Pow(2, -23));

    /// <summary>rsqrt.approx: 2^-22.9 relative.</summary>
    public float ReciprocalSquareRoot(float x) => Relative(1 / Math.Sqrt(x), Math.Pow(2, -22.9));

    /// <summary>
    /// A sum of mma, whose order and rounding the ISA leaves open: each of its terms may lose what a float loses beside the largest.
    /// </summary>
    /// <param name="exact">The sum.</param>
    /// <param name="size">The sum of the terms' absolute values.</param>
    public float Sum(double exact, double size) => (float)(exact + (Error() * size * Math.Pow(2, -22)));

    private float Relative(double exact, double error) => (float)(exact * (1 + (Error() * error)));

    // SplitMix64, scaled to [-1, 1] times the noise.
    private double Error()
    {
        if (noise == 0)
            return 0;
        var z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return noise * (((z ^ (z >> 31)) * Math.Pow(2, -63)) - 1);
    }
}
