using System.Diagnostics;
using MathNet.Numerics.Statistics;

namespace G2RL.Onnx.Benchmarks;

/// <summary>
/// Seconds of one call: the median over repetitions, half the distance between the quartiles as a share of it, and the fastest.
/// </summary>
internal readonly record struct Timing(double Seconds, double Spread, double Fastest)
{
    private const double ShortestSample = 5e-3;
    private const int FewestSamples = 3;
    private const int MostSamples = 100;

    /// <summary>
    /// Measures a call: once to warm up, then for about the seconds given, three samples or more at least. Short calls are taken many at a
    /// time.
    /// </summary>
    public static Timing Of(Action call, double budget, int fewest = FewestSamples)
    {
        var first = Clock(call, 1);
        // The first call builds and compiles; the second says how long one takes.
        var calls = first > ShortestSample && first > budget ? 1 : (int)Math.Ceiling(ShortestSample / Math.Max(Clock(call, 1), 1e-7));
        var samples = new List<double>();
        for (var started = Stopwatch.GetTimestamp();
            samples.Count < fewest || (samples.Count < MostSamples && Stopwatch.GetElapsedTime(started).TotalSeconds < budget);)
            samples.Add(Clock(call, calls) / calls);
        var median = samples.Median();
        return new(median, (samples.UpperQuartile() - samples.LowerQuartile()) / 2 / median, samples.Min());
    }

    private static double Clock(Action call, int times)
    {
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < times; i++)
            call();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
