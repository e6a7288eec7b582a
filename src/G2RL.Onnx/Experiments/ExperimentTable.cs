using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Experiments;

/// <summary>A metric of an arm over its seeds.</summary>
/// <param name="Base">Base model.</param>
/// <param name="Arm">The arm.</param>
/// <param name="Metric">Name in results.jsonl.</param>
/// <param name="Values">One value a finished seed, in the experiment's order of seeds.</param>
/// <param name="Mean">Mean over seeds with Student's 95 % interval.</param>
internal sealed record ArmValue(string Base, string Arm, string Metric, IReadOnlyList<double> Values, Interval Mean);

/// <summary>An arm minus another, seed by seed.</summary>
/// <param name="Base">Base model.</param>
/// <param name="Arm">The arm.</param>
/// <param name="Against">What is subtracted.</param>
/// <param name="Metric">Name in results.jsonl.</param>
/// <param name="Values">One difference a seed that both have.</param>
/// <param name="Mean">Mean difference with Student's 95 % interval over seeds: what decides.</param>
/// <param name="Bootstrap">The same mean with the percentile bootstrap's interval over seeds, which few seeds make too narrow.</param>
internal sealed record ArmDifference(
    string Base,
    string Arm,
    string Against,
    string Metric,
    IReadOnlyList<double> Values,
    Interval Mean,
    Interval Bootstrap)
{
    /// <summary>Whether Student's interval leaves out 0; never on fewer than 2 seeds.</summary>
    public bool IsClear => Values.Count > 1 && (Mean.Low > 0 || Mean.High < 0);
}

/// <summary>
/// Rows of results.jsonl as means and paired differences. Runs of the same seed share the problems and the order in which they come, and
/// all runs share the held-out problems and the random numbers of the evaluation, so differences are taken seed by seed. Intervals are over
/// seeds, each by itself: nothing is corrected for the number of comparisons.
/// </summary>
internal static class ExperimentTable
{
    /// <summary>Every metric of every arm, by base, metric and arm in the experiment's order.</summary>
    public static IReadOnlyList<ArmValue> Values(Experiment experiment, IReadOnlyList<JsonObject> rows) =>
        [.. from start in experiment.Bases
            from metric in Metrics(start.Name, rows)
            from arm in experiment.Arms
            let values = BySeed(experiment, rows, start.Name, arm.Name, metric).Select(v => v.Value).ToArray()
            where values.Length > 0
            select new ArmValue(start.Name, arm.Name, metric, values, Bounded(Interval.OfMean(values), metric))];

    /// <summary>Every arm minus the baseline, then the further contrasts, of every metric.</summary>
    public static IReadOnlyList<ArmDifference> Differences(Experiment experiment, IReadOnlyList<JsonObject> rows) =>
        [.. from start in experiment.Bases
            from metric in Metrics(start.Name, rows)
            from pair in experiment.Arms.Where(a => a.Name != experiment.Baseline)
                .Select(a => new ExperimentContrast(a.Name, experiment.Baseline))
                .Concat(experiment.Contrasts)
                .Distinct()
            let values = Paired(
                BySeed(experiment, rows, start.Name, pair.Arm, metric),
                BySeed(experiment, rows, start.Name, pair.Against, metric))
            where values.Length > 0
            select new ArmDifference(
                start.Name,
                pair.Arm,
                pair.Against,
                metric,
                values,
                Interval.OfMean(values),
                Interval.Bootstrap(values))];

    /// <summary>A base model before training; null when it was not measured.</summary>
    public static JsonObject? Before(IReadOnlyList<JsonObject> rows, string start) =>
        rows.FirstOrDefault(r => RunLogs.Text(r, "base") == start && RunLogs.Text(r, "arm") == ExperimentCell.Before);

    /// <summary>The metrics of a base's rows.</summary>
    public static IReadOnlyList<string> Metrics(string start, IReadOnlyList<JsonObject> rows) =>
        rows.FirstOrDefault(r => RunLogs.Text(r, "base") == start) is { } row ? ExperimentRows.Metrics(row) : [];

    /// <summary>The geometry of an arm's policies: one row's temperature, the mean of a number over seeds.</summary>
    internal static Interval? Geometry(IReadOnlyList<JsonObject> rows, string start, string arm, int temperature, string name)
    {
        var values = rows.Where(r => RunLogs.Text(r, "base") == start && RunLogs.Text(r, "arm") == arm)
            .Select(r => (r["geometry"] as JsonArray)?.ElementAtOrDefault(temperature) is JsonObject g ? RunLogs.Number(g, name) : null)
            .OfType<double>()
            .ToArray();
        return values.Length == 0 ? null : Interval.OfMean(values);
    }

    private static (ulong Seed, double Value)[] BySeed(
        Experiment experiment,
        IReadOnlyList<JsonObject> rows,
        string start,
        string arm,
        string metric) =>
        [.. from seed in experiment.Seeds
            from row in rows.Where(r => RunLogs.Text(r, "base") == start
                && RunLogs.Text(r, "arm") == arm
                && r["seed"]?.ToJsonString() == seed.ToString(CultureInfo.InvariantCulture)).Take(1)
            let value = RunLogs.Number(row, metric)
            where value is not null
            select (seed, value.Value)];

    // The interval of few shares would reach beyond what a share can be.
    private static Interval Bounded(Interval interval, string metric) =>
        ExperimentRows.IsShare(metric) ? interval with { Low = Math.Max(0, interval.Low), High = Math.Min(1, interval.High) } : interval;

    private static double[] Paired(
        (ulong Seed, double Value)[] of,
        (ulong Seed, double Value)[] against) => [.. of.Join(against, a => a.Seed, b => b.Seed, (a, b) => a.Value - b.Value)];
}
