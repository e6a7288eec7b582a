using G2RL.Onnx.Rollouts;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace G2RL.Onnx.Evaluation;

/// <summary>A mean with its 95 % interval.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Interval(double Mean, double Low, double High)
{
    /// <summary>
    /// Student's t interval over independent values, for example one pass rate per problem; a single value has no width to show.
    /// </summary>
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

    /// <summary>
    /// Percentile bootstrap interval of the mean: for many values of any distribution, such as one pass rate per problem. For two arms on
    /// the same problems give the differences. A single value has no width to show.
    /// </summary>
    /// <param name="values">At least one finite value.</param>
    /// <param name="seed">The same seed and values give the same interval.</param>
    /// <param name="resamples">Samples drawn with replacement, >= 100.</param>
    public static Interval Bootstrap(IReadOnlyList<double> values, ulong seed = 0, int resamples = 10_000)
    {
        if (values.Count == 0 || !values.All(double.IsFinite))
            throw new ArgumentException("An interval needs at least one value, and finite ones.", nameof(values));
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 100);
        var mean = values.Mean();
        if (values.Count == 1)
            return new(mean, mean, mean);
        var key = Seeds.Derive(seed, Seeds.Purpose.Bootstrap);
        var means = new double[resamples];
        for (var b = 0; b < resamples; b++)
        {
            var sum = 0d;
            for (var i = 0; i < values.Count; i++)
                sum += values[(int)(Seeds.Uniform(key, b, 0, 0, i) * values.Count)];
            means[b] = sum / values.Count;
        }
        Array.Sort(means);
        return new(mean, SortedArrayStatistics.Quantile(means, 0.025), SortedArrayStatistics.Quantile(means, 0.975));
    }
}
