namespace G2RL.Onnx.Cuda.Tests;

/// <summary>How far a kernel may be from the double-precision reference.</summary>
internal static class Tolerances
{
    /// <summary>
    /// Log-prob, entropy, logsumexp: relative. A weight e^x carries x's own rounding, |x| 2^-24 from the subtraction and as much from the
    /// temperature, and up to 8e-8 from the exponential; over a distribution this stays below 3e-6 down to probabilities of e^-27.
    /// </summary>
    public const double Statistics = 5e-6;

    /// <summary>Absolute floor of the same: a log-prob below it is 0 for every purpose.</summary>
    public const double StatisticsFloor = 1e-12;

    /// <summary>An element of u: the float additions of T rows, each of a share at most 1.</summary>
    public const double Features = 2e-6;

    /// <summary>Double-precision reductions and functions: relative.</summary>
    public const double Double = 1e-12;

    /// <summary>A uniform number this close to a boundary of the distribution may fall on either side of it.</summary>
    public const double Boundary = 1e-6;

    /// <summary>Relative error, zero below the floor.</summary>
    public static double Error(double actual, double expected)
    {
        if (double.IsNaN(expected) || double.IsInfinity(expected))
            return actual.Equals(expected) ? 0 : double.PositiveInfinity;
        var error = Math.Abs(actual - expected);
        return double.IsNaN(error) ? double.PositiveInfinity : error <= StatisticsFloor ? 0 : error / Math.Abs(expected);
    }
}
