using G2RL.Onnx.Algorithms.Novelty;
using MathNet.Numerics.Statistics;

namespace G2RL.Onnx.Evaluation;

/// <summary>
/// Whether novelty nu says something about a response, or only about those that happened to be drawn beside it, and whom it favours.
/// </summary>
internal sealed class NoveltySignal
{
    private readonly List<double> first = [];
    private readonly List<double> second = [];
    private readonly List<double> right = [];
    private readonly List<double> wrong = [];

    /// <summary>
    /// Correlation, over all responses and after taking away each group's mean, of nu against one half of a response's siblings with nu
    /// against the other half. 0: the novelty of a response is an accident of its siblings; 1: it is the response's own. Null while nothing
    /// varies, or with groups below 4.
    /// </summary>
    public double? Reliability => Correlation.Pearson(first, second) is var r && double.IsFinite(r) ? r : null;

    /// <summary>Mean nu of right responses in groups that hold right and wrong ones; null without such groups.</summary>
    public double? Right => right.Count == 0 ? null : right.Average();

    /// <summary>Mean nu of wrong responses in groups that hold right and wrong ones; null without such groups.</summary>
    public double? Wrong => wrong.Count == 0 ? null : wrong.Average();

    /// <summary>Adds a group.</summary>
    /// <param name="cosines">S, row-major [m, m].</param>
    /// <param name="rewards">Base rewards [m], above 0 where right.</param>
    /// <exception cref="ArgumentException">Another number of cosines than m x m.</exception>
    public void Add(ReadOnlySpan<double> cosines, ReadOnlySpan<double> rewards)
    {
        var m = rewards.Length;
        var nu = new double[m];
        ExplorationScore.Novelty(cosines, rewards, nu);
        if (rewards.ContainsAnyInRange(double.Epsilon, double.MaxValue) && rewards.ContainsAnyInRange(double.MinValue, 0))
            for (var i = 0; i < m; i++)
                (rewards[i] > 0 ? right : wrong).Add(nu[i]);
        if (m < 4)
            return;
        var halves = new double[2][] { new double[m], new double[m] };
        for (var i = 0; i < m; i++)
        {
            // Siblings in turn to one half and to the other; all count alike, so that only directions speak.
            Span<double> sums = [0, 0];
            Span<int> counts = [0, 0];
            for (int j = 0, half = 0; j < m; j++)
            {
                if (j == i)
                    continue;
                sums[half] += cosines[(i * m) + j] * cosines[(i * m) + j];
                counts[half]++;
                half = 1 - half;
            }
            for (var half = 0; half < 2; half++)
                halves[half][i] = Math.Sqrt(Math.Max(1 - (sums[half] / counts[half]), 0));
        }
        first.AddRange(Centred(halves[0]));
        second.AddRange(Centred(halves[1]));
    }

    private static IEnumerable<double> Centred(double[] values)
    {
        var mean = values.Average();
        return values.Select(v => v - mean);
    }
}
