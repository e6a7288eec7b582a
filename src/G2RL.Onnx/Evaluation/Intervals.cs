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
        return values.Count == 1 ? new(mean, mean, mean) : Middle(mean, Means(values, seed, resamples));
    }

    /// <summary>The same of differences, one for each problem that two evaluations share, and how sure their sign is.</summary>
    /// <param name="differences">At least one finite value.</param>
    /// <param name="resamples">Samples drawn with replacement, >= 100.</param>
    /// <returns>
    /// The interval, and p: twice the share of resamples whose mean has not the sign of the difference, at least two resamples' share.
    /// </returns>
    internal static (Interval Interval, double P) Paired(IReadOnlyList<double> differences, int resamples = 10_000)
    {
        var mean = differences.Mean();
        // Problems that all stayed as they were say nothing against chance, one problem nothing for it.
        if (differences.Count == 1 || differences.All(d => d == 0))
            return (new(mean, mean, mean), 1);
        var means = Means(differences, seed: 0, resamples);
        var other = Math.Min(means.Count(m => m <= 0), means.Count(m => m >= 0));
        return (Middle(mean, means), Math.Min(1, 2d * Math.Max(1, other) / resamples));
    }

    private static Interval Middle(double mean, double[] sorted) =>
        new(mean, SortedArrayStatistics.Quantile(sorted, 0.025), SortedArrayStatistics.Quantile(sorted, 0.975));

    private static double[] Means(IReadOnlyList<double> values, ulong seed, int resamples)
    {
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
        return means;
    }
}
