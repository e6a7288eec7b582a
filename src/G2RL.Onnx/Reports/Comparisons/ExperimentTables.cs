using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Experiments;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports.Comparisons;

/// <summary>The tables of an experiment, by base model.</summary>
internal sealed class ExperimentTables(Experiment experiment, IReadOnlyList<JsonObject> rows)
{
    /// <summary>Metrics with a table and a picture of their own: pass@1, maj@n, pass@n.</summary>
    public const int Main = 3;

    /// <summary>Every metric of every arm.</summary>
    public IReadOnlyList<ArmValue> Values { get; } = ExperimentTable.Values(experiment, rows);

    /// <summary>Every difference.</summary>
    public IReadOnlyList<ArmDifference> Differences { get; } = ExperimentTable.Differences(experiment, rows);

    /// <summary>The main metrics of a base.</summary>
    public IReadOnlyList<string> MainMetrics(string start) => [.. ExperimentTable.Metrics(start, rows).Take(Main)];

    /// <summary>All tables of a base.</summary>
    public IEnumerable<ReportTable> Of(string start)
    {
        foreach (var metric in MainMetrics(start))
            yield return OfMetric(start, metric);
        if (experiment.Contrasts.Count > 0)
            yield return OfContrasts(start);
        yield return OfOthers(start);
        if (experiment.Geometry is not null)
            yield return OfGeometry(start);
    }

    private ReportTable OfMetric(string start, string metric)
    {
        var table = new List<string[]>();
        if (ExperimentTable.Before(rows, start) is { } before && RunLogs.Number(before, metric) is { } value)
            table.Add(["base model, before", "", Share(value), "", "", "", ""]);
        foreach (var arm in Values.Where(v => v.Base == start && v.Metric == metric))
        {
            var difference = Differences.FirstOrDefault(d =>
                d.Base == start && d.Metric == metric && d.Arm == arm.Arm && d.Against == experiment.Baseline);
            table.Add([arm.Arm, Count(arm.Values.Count), Share(arm.Mean.Mean), Span(arm.Mean, arm.Values.Count), .. Cells(difference)]);
        }
        return new($"{start}: {metric}", "Percent of held-out problems or samples; intervals 95 % over seeds (Student's t), differences "
            + "seed by seed in points, in brackets the percentile bootstrap over seeds.",
            ["arm", "seeds", "mean", "interval", $"minus {experiment.Baseline}", "interval", "bootstrap"], table);
    }

    private ReportTable OfContrasts(string start) => new(
        $"{start}: further contrasts",
        "Points, seed by seed.",
        ["contrast", "metric", "difference", "interval", "bootstrap"],
        [.. from contrast in experiment.Contrasts
            from metric in MainMetrics(start)
            let difference = Differences.FirstOrDefault(d =>
                d.Base == start && d.Metric == metric && d.Arm == contrast.Arm && d.Against == contrast.Against)
            where difference is not null
            select (IReadOnlyList<string>)[$"{contrast.Arm} minus {contrast.Against}", metric, .. Cells(difference)]]);

    private ReportTable OfOthers(string start)
    {
        var metrics = ExperimentTable.Metrics(start, rows)
            .Skip(Main)
            .Where(m => Values.Any(v => v.Base == start && v.Metric == m))
            .ToArray();
        string[] Row(string name, Func<string, double?> value) =>
        [
            name,
            .. metrics.Select(m => value(m) is { } v ? ExperimentRows.IsShare(m) ? Share(v) : Format.Number(v) : ""),
        ];
        var table = new List<string[]>();
        if (ExperimentTable.Before(rows, start) is { } before)
            table.Add(Row("base model, before", m => RunLogs.Number(before, m)));
        foreach (var arm in experiment.Arms.Where(a => Values.Any(v => v.Base == start && v.Arm == a.Name)))
            table.Add(Row(arm.Name, m => Values.FirstOrDefault(v => v.Base == start && v.Arm == arm.Name && v.Metric == m)?.Mean.Mean));
        return new($"{start}: other numbers", "Means over seeds, shares in percent. Entropy, KL and the share of right training answers "
            + "over the last tenth of the steps; clipped tokens and homogeneous groups over all.", ["arm", .. metrics], table);
    }

    private ReportTable OfGeometry(string start)
    {
        (string Name, string Head, bool Share)[] columns =
        [
            ("cosine_mean", "mean cosine", false),
            ("cosine_negative_share", "negative", true),
            ("cosine_small_share", "|cos| < 0.1", true),
            ("semantic_cosine_mean", "semantic cosine", false),
            ("identical_share", "identical responses", true),
            ("novelty_right", "nu of right", false),
            ("novelty_wrong", "nu of wrong", false),
            ("novelty_reliability", "nu's reliability", false),
        ];
        var table = new List<string[]>();
        var temperatures = (ExperimentTable.Before(rows, start)?["geometry"] as JsonArray)?.OfType<JsonObject>().Select(
            g => RunLogs.Number(g, "feature_temperature") ?? 0).ToArray() ?? [];
        foreach (var arm in experiment.Arms.Select(a => a.Name).Prepend(ExperimentCell.Before))
            for (var t = 0; t < temperatures.Length; t++)
            {
                var values = columns.Select(c => (c.Share, Value: ExperimentTable.Geometry(rows, start, arm, t, c.Name))).ToArray();
                if (values[0].Value is not null)
                    table.Add([
                        arm == ExperimentCell.Before ? "base model, before" : arm,
                        Format.Number(temperatures[t]),
                        .. values.Select(v => v.Value is not { } i ? "" : v.Share ? Share(i.Mean) : Cosine(i)),
                    ]);
            }
        return new($"{start}: geometry", "All pairs of responses to the same held-out problem, drawn at the sampling temperature; "
            + "gradient features with p_t at the temperature given; means over seeds with the half width of their 95 % interval. "
            + "Nu of right and wrong responses of groups that hold both; "
            + "its reliability is the correlation of nu against one half of the siblings with nu against the other half.",
            ["arm", "T of p_t", .. columns.Select(c => c.Head)], table);
    }

    private static string[] Cells(ArmDifference? d) => d is null ? ["", "", ""] : [
        (d.IsClear ? "**" : "") + Points(d.Mean.Mean) + (d.IsClear ? "**" : ""),
        d.Values.Count > 1 ? Range(d.Mean) : "",
        d.Values.Count > 1 ? Range(d.Bootstrap) : "",
    ];

    private static string Cosine(Interval i) => i.Mean.ToString("0.000", CultureInfo.InvariantCulture)
        + (i.High > i.Mean ? " ± " + (i.High - i.Mean).ToString("0.000", CultureInfo.InvariantCulture) : "");

    private static string Share(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Points(double share) => Format.Signed(100 * share, "0.0");

    private static string Span(Interval i, int seeds) => seeds > 1 ? $"[{Share(i.Low)}, {Share(i.High)}]" : "";

    private static string Range(Interval i) => $"[{Points(i.Low)}, {Points(i.High)}]";

    private static string Count(int n) => n.ToString(CultureInfo.InvariantCulture);
}
