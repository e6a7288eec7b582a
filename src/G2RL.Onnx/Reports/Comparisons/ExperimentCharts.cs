using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Experiments;
using G2RL.Onnx.Reports.Charts;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports.Comparisons;

/// <summary>The pictures of an experiment: learning curves of each arm beside the baseline's, histograms of cosines, differences.</summary>
internal sealed class ExperimentCharts
{
    private const int Blocks = 20;

    private readonly ExperimentFolder folder;
    private readonly IReadOnlyList<JsonObject> rows;
    private readonly Dictionary<ExperimentCell, IReadOnlyList<JsonObject>> metrics;

    /// <summary>Reads the logs of the finished runs.</summary>
    public ExperimentCharts(ExperimentFolder folder, IReadOnlyList<JsonObject> rows)
    {
        (this.folder, this.rows) = (folder, rows);
        metrics = folder.Cells.Where(folder.IsFinished).ToDictionary(c => c, folder.Metrics);
    }

    /// <summary>A metric over the steps, one picture an arm: mean and interval over seeds, the baseline's mean dashed.</summary>
    public IReadOnlyList<Chart> Curves(string start, string id, string metric, string unit, double scale)
    {
        var baseline = Curve(start, folder.Experiment.Baseline, metric, scale);
        var charts = new List<Chart>();
        var arms = folder.Experiment.Arms.Select(a => (a.Name, Points: Curve(start, a.Name, metric, scale)))
            .Where(a => a.Points.Length > 0)
            .ToArray();
        if (arms.Length == 0)
            return [];
        // One scale for all, so that they can be compared by eye.
        var (low, high) = (arms.Min(a => a.Points.Min(p => p.Low)), arms.Max(a => a.Points.Max(p => p.High)));
        var margin = Math.Max(1e-9, 0.05 * (high - low));
        foreach (var (name, points) in arms)
        {
            var lines = new List<ChartLine> { new(name, [.. points.Select(p => new ChartPoint(p.X, p.Mean))]) };
            if (name != folder.Experiment.Baseline && baseline.Length > 0)
                lines.Add(new(folder.Experiment.Baseline, [.. baseline.Select(p => new ChartPoint(p.X, p.Mean))], Dashed: true));
            charts.Add(new($"{id}-{Letters(start)}-{Letters(name)}", name, unit, lines)
            {
                Band = ("95 % interval over seeds", [.. points.Select(p => new ChartRange(p.X, p.Low, p.High))]),
                Minimum = low - margin,
                Maximum = high + margin,
            });
        }
        return charts;
    }

    /// <summary>How many pairs have which gradient cosine, before and after training, one picture an arm.</summary>
    public IReadOnlyList<Chart> Histograms(string start)
    {
        var before = Histogram(start, ExperimentCell.Before);
        return [.. folder.Experiment.Arms.Select(a => (a.Name, After: Histogram(start, a.Name))).Where(
            a => a.After.Length > 0).Select(a => new Chart($"cosines-{Letters(start)}-{Letters(a.Name)}", a.Name, "% of pairs",
            [new("after", a.After), .. before.Length > 0 ? [new ChartLine("before", before, Dashed: true)] : Array.Empty<ChartLine>()])
            {
                Minimum = 0,
            })];
    }

    /// <summary>The differences of a metric to the baseline, then the further contrasts; null while there are none.</summary>
    public static string? Forest(ExperimentTables tables, Experiment experiment, string start, string metric)
    {
        var differences = Rows(tables, start, metric);
        return differences.Count == 0 ? null : ForestSvg.Render(
            $"forest-{Letters(start)}-{Letters(metric)}",
            $"{start}, {metric}: difference to {experiment.Baseline} in points, 95 % intervals over seeds",
            [.. differences.Select(d => (d.Against == experiment.Baseline ? d.Arm : $"{d.Arm} \u2212 {d.Against}",
                (IReadOnlyList<double>)[.. d.Values.Select(v => 100 * v)],
                new Interval(100 * d.Mean.Mean, 100 * d.Mean.Low, 100 * d.Mean.High)))]);
    }

    /// <summary>The rows of such a picture.</summary>
    public static IReadOnlyList<ArmDifference> Rows(
        ExperimentTables tables,
        string start,
        string metric) => [.. tables.Differences.Where(d => d.Base == start && d.Metric == metric)];

    /// <summary>A name as part of an id.</summary>
    public static string Letters(string name) =>
        string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-'));

    private (double X, double Mean, double Low, double High)[] Curve(string start, string arm, string metric, double scale)
    {
        var runs = metrics.Where(m => m.Key.Base == start && m.Key.Arm == arm)
            .Select(m => Averaged(m.Value, metric, scale))
            .Where(r => r.Length > 0)
            .ToArray();
        if (runs.Length == 0)
            return [];
        return [.. Enumerable.Range(0, runs.Min(r => r.Length)).Select(i =>
        {
            var interval = Interval.OfMean([.. runs.Select(r => r[i].Y)]);
            return (runs[0][i].X, interval.Mean, interval.Low, interval.High);
        })];
    }

    // Blocks of steps: the problems of single steps differ too much to be looked at.
    private static ChartPoint[] Averaged(IReadOnlyList<JsonObject> log, string metric, double scale)
    {
        var points = log.Select(r => (Step: RunLogs.Number(r, "step"), Value: RunLogs.Number(r, metric)))
            .Where(p => p is { Step: not null, Value: not null })
            .ToArray();
        return [.. points.Chunk(Math.Max(1, (points.Length + Blocks - 1) / Blocks))
            .Select(c => new ChartPoint(c.Average(p => p.Step!.Value), scale * c.Average(p => p.Value!.Value)))];
    }

    private ChartPoint[] Histogram(string start, string arm)
    {
        var counts = rows.Where(r => RunLogs.Text(r, "base") == start && RunLogs.Text(r, "arm") == arm)
            .Select(r => ((r["geometry"] as JsonArray)?.FirstOrDefault() as JsonObject)?["histogram"] as JsonArray)
            .OfType<JsonArray>()
            .Where(h => h.Count == CosineHistogram.Bins)
            .ToArray();
        var total = counts.Sum(h => h.Sum(n => (double)n!));
        return total == 0 ? [] : [.. Enumerable.Range(0, CosineHistogram.Bins)
            .Select(b => new ChartPoint(CosineHistogram.Middle(b), 100 * counts.Sum(h => (double)h[b]!) / total))];
    }
}
