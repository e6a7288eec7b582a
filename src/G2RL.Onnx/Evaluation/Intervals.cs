using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace G2RL.Onnx.Evaluation;

/// <summary>A mean with its 95 % interval.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Interval(double Mean, double Low, double High)
{
    /// <summary>Student's t interval over independent values, for example one pass rate per problem; a single value has no width to show.</summary>
    /// <param name="values">At least one finite value.</param>
    public static Interval OfMean(IReadOnlyCollection<double> values)
    {
        if (values.Count == 0)
            throw new ArgumentException("An interval needs at least one value.", nameof(values));
        var mean = values.Mean();
        if (values.Count == 1)
            return new(mean, mean, mean);
        var half = StudentT.InvCDF(0, 1, values.Count - 1, 0.975) * values.StandardDeviation() / Math.Sqrt(values.Count);
        return new(mean, mean - half, mean + half);
    }
}
