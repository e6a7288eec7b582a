using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training.Logging;
using MathNet.Numerics.Distributions;

namespace G2RL.Onnx.Reports;

/// <summary>Whether two means differ beyond chance.</summary>
/// <param name="Difference">Second minus first.</param>
/// <param name="Low">Lower end of the difference's 95 % interval.</param>
/// <param name="High">Upper end.</param>
/// <param name="P">Two-sided p of a difference so large where there is none.</param>
internal readonly record struct Significance(double Difference, double Low, double High, double P)
{
    // Few problems can afford many resamples; thousands need fewer.
    private const int Draws = 2_000_000;

    /// <summary>Problems that were compared one by one; 0 where the two means were taken as independent.</summary>
    public int Pairs { get; private init; }

    /// <summary>
    /// Of two means that are taken as independent: half widths add as their squares, p by the normal law. On the same problems the true
    /// interval is rather narrower, so this claims too little rather than too much.
    /// </summary>
    public static Significance Of((double Mean, double Low, double High) first, (double Mean, double Low, double High) second)
    {
        var difference = second.Mean - first.Mean;
        var half = Math.Sqrt(Math.Pow((first.High - first.Low) / 2, 2) + Math.Pow((second.High - second.Low) / 2, 2));
        var p = half > 0 ? 2 * Normal.CDF(0, 1, -Math.Abs(difference) / (half / Normal.InvCDF(0, 1, 0.975))) : difference == 0 ? 1 : 0;
        return new(difference, difference - half, difference + half, p);
    }

    /// <summary>
    /// Of two evaluations of the same problems: a bootstrap over problems of the differences of their pass rates. Null where the rows do
    /// not have them, or not of equally many problems.
    /// </summary>
    /// <param name="first">Row of an evaluation.</param>
    /// <param name="second">Row of the other, of the same problems in the same order.</param>
    public static Significance? Paired(JsonObject? first, JsonObject? second)
    {
        if (first?[EvaluationResult.ByProblemName] is not JsonArray before
            || second?[EvaluationResult.ByProblemName] is not JsonArray after
            || before.Count != after.Count)
            return null;
        // A problem whose samples could not be judged in one of them has no difference.
        double[] differences = [.. before.Zip(after, (a, b) => RunLogs.Number(b) - RunLogs.Number(a)).OfType<double>()];
        if (differences.Length == 0)
            return null;
        var (interval, p) = Interval.Paired(differences, Math.Clamp(Draws / differences.Length, 1000, 10_000));
        return new(interval.Mean, interval.Low, interval.High, p) { Pairs = differences.Length };
    }

    /// <summary>Whether the interval leaves out 0.</summary>
    public bool IsClear => Low > 0 || High < 0;

    /// <summary>How the two were compared, in words.</summary>
    public string How => Pairs > 0 ? $"paired over {Format.Count(Pairs)} problems (bootstrap)" : "the two taken as independent";

    /// <summary>In words.</summary>
    public string Words =>
        (IsClear ? "beyond chance" : "may be chance") + (P < 0.001 ? ", p < 0.001" : $", p = {Format.Number(Math.Round(P, 3))}");
}
