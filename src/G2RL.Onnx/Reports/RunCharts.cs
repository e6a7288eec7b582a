using System.Text.Json.Nodes;
using G2RL.Onnx.Reports.Charts;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports;

/// <summary>
/// The curves of a run, as far as its logs hold them. A curve that has no number is left out, and a chart that has no curve.
/// </summary>
internal sealed class RunCharts
{
    /// <summary>More points than a picture has room for are averaged over neighbouring steps.</summary>
    public const int MostPoints = 200;

    private const int MostBars = 40;

    private static readonly string[] Phases = ["sample", "reward", "greedy", "score", "features", "train"];

    private readonly RunLogs logs;
    private readonly List<Chart> charts = [];

    private RunCharts(RunLogs logs) => this.logs = logs;

    /// <summary>All charts that have something to show, in reading order.</summary>
    public static IReadOnlyList<Chart> Of(RunLogs logs)
    {
        var all = new RunCharts(logs);
        all.Add(all.PassAt1());
        all.Add(new("benchmarks", "Benchmarks", "pass@1, % of samples", all.Benchmarks()) { Minimum = 0 });
        all.Add(new("reward", "Reward", "mean of a step", all.Lines(("base", "reward/mean"), ("shaped", "reward/shaped_mean")))
        {
            Note = "Base rewards are the judge's; shaped ones are what the advantages are made of.",
        });
        all.Add(new("rewards", "Rewards apart", "mean of a step, before weights",
            all.Rewards())
        { Note = "Errors and timeouts of a reward count in no mean." });
        all.Add(new("answers", "Training answers", "% of rollouts", all.Lines(
            100,
            ("right", "reward/right_share"),
            ("well-formed", "reward/well_formed_share"),
            ("cut off", "response/truncated_share")))
        { Minimum = 0 });
        all.Add(new("kl", "KL to the model that came in", "nats per token", all.Lines(("k3 estimate", "policy/kl_nats"))) { Minimum = 0 });
        all.Add(new(
            "entropy",
            "Entropy",
            "nats per token",
            all.Lines(("at sampling", "policy/sampling_entropy_nats"), ("at the update", "policy/entropy_nats")))
        { Minimum = 0 });
        all.Add(new(
            "length",
            "Response length",
            "tokens",
            all.Lines(("mean", "response/length_mean"), ("95th percentile", "response/length_p95")))
        { Minimum = 0 });
        all.Add(new("nu", "Novelty nu", "0 to 1", all.Lines(("mean", "g2rl/nu_mean")))
        {
            Band = all.Range("smallest to largest", "g2rl/nu_min", "g2rl/nu_max"),
            Minimum = 0,
            Maximum = 1.02,
            Note = "How far a rollout's gradient direction lies from its siblings'.",
        });
        all.Add(new(
            "geometry",
            "Feature geometry",
            "over the pairs of a group",
            all.Lines(("mean cosine", "g2rl/cosine_mean"), ("share of negative cosines", "g2rl/cosine_negative_share"))));
        all.Add(new(
            "homogeneous",
            "Homogeneous groups",
            "% of groups",
            all.Lines(100, ("all right or all wrong", "reward/homogeneous_share")))
        { Minimum = 0, Maximum = 102 });
        all.Add(new(
            "clip",
            "Clipped tokens",
            "% of tokens",
            all.Lines(100, ("where clipping acts", "policy/clip_share")))
        { Minimum = 0, LeastTop = 1 });
        all.Add(new("norm", "Gradient norm", "before clipping", all.Lines(("global norm", "policy/gradient_norm"))) { Minimum = 0 });
        all.Add(all.Mismatch());
        all.Add(new(
            "rate",
            "Learning rate",
            "last update of a step",
            all.Lines(("learning rate", "policy/learning_rate")))
        { Minimum = 0 });
        all.Add(new("speed", "Sampling speed", "tokens per second", all.Lines(("tokens/s", "speed/sample_tokens_per_s"))) { Minimum = 0 });
        all.Add(all.Seconds());
        return all.charts;
    }

    private void Add(Chart chart)
    {
        if (chart.Lines.Count > 0)
            charts.Add(chart);
    }

    // A line for each reward of a run that has several.
    private List<ChartLine> Rewards()
    {
        const string Prefix = "rewards/";
        const string Suffix = "_mean";
        var names = logs.Metrics.SelectMany(r => r.Select(p => p.Key)).Distinct(StringComparer.Ordinal)
            .Where(n => n.StartsWith(Prefix, StringComparison.Ordinal) && n.EndsWith(Suffix, StringComparison.Ordinal));
        return Lines([.. names.Select(n => (n[Prefix.Length..^Suffix.Length], n))]);
    }

    // A line for each benchmark beside the run's own held-out problems.
    private ChartLine[] Benchmarks()
    {
        JsonObject? Of(JsonObject row, string name) => (row["benchmarks"] as JsonObject)?[name] as JsonObject;
        var names = logs.Evaluations.SelectMany(e => e["benchmarks"] is JsonObject all ? all.Select(p => p.Key) : [])
            .Distinct(StringComparer.Ordinal);
        return
        [
            .. names.Select(n => new ChartLine(
                n,
                [
                    .. logs.Evaluations
                        .Select(e => (X: RunLogs.Number(e, "step"), Y: Of(e, n) is { } row ? RunLogs.Number(row, "pass@1") : null))
                        .Where(p => p is { X: not null, Y: not null })
                        .Select(p => new ChartPoint(p.X!.Value, 100 * p.Y!.Value)),
                ])),
        ];
    }

    private Chart PassAt1()
    {
        var rows = logs.Evaluations;
        ChartLine[] lines =
            [new("all answers", Points(rows, "pass@1", 100)), new("well-formed answers alone", Points(rows, "pass@1_well_formed", 100))];
        ChartRange[] ranges = [.. rows.Select(r =>
            (X: RunLogs.Number(r, "step"), Low: RunLogs.Number(r, "pass@1_low"), High: RunLogs.Number(r, "pass@1_high")))
            .Where(r => r is { X: not null, Low: not null, High: not null })
            .Select(r => new ChartRange(r.X!.Value, 100 * r.Low!.Value, 100 * r.High!.Value))];
        return new("pass", "Held-out pass@1", "% of samples", [.. lines.Where(l => l.Points.Count > 0)])
        {
            Band = ranges.Length > 0 ? ("95 % interval", ranges) : null,
            Note = "Evaluated on problems that are never trained on.",
        };
    }

    private Chart Mismatch()
    {
        var all = Lines(
            ("sampler to scorer", "mismatch/sampler_trainer_max_nats"),
            ("first ratio of a batch", "mismatch/first_ratio_max_nats"),
            ("explained by rounding", "mismatch/allowed_nats"));
        // Powers of ten have no zero: a difference of exactly none is not drawn, but said.
        string[] none = [.. all.Where(l => l.Points.All(p => p.Y == 0)).Select(l => l.Name)];
        var lines = all
            .Select(l => l with { Points = [.. l.Points.Where(p => p.Y > 0)], Dashed = l.Name == "explained by rounding" })
            .Where(l => l.Points.Count > 0);
        return new("mismatch", "Largest log-prob mismatch", "nats", [.. lines])
        {
            Logarithmic = true,
            Note = "Two different sessions compute the same log-probs; a run stops at ten times the dashed line."
                + (none.Length > 0 ? $" Exactly none: {string.Join(", ", none)}." : ""),
        };
    }

    private Chart Seconds()
    {
        var lines =
            Phases.Select(p => new ChartLine(p, Averaged(Points(logs.Metrics, $"time/{p}_s"), MostBars))).Where(l => l.Points.Count > 0);
        return new("seconds", "Seconds by phase", "seconds of a step", [.. lines]) { Stacked = true, Minimum = 0 };
    }

    private List<ChartLine> Lines(params ReadOnlySpan<(string Name, string Metric)> curves) => Lines(1, curves);

    private List<ChartLine> Lines(double scale, params ReadOnlySpan<(string Name, string Metric)> curves)
    {
        var lines = new List<ChartLine>();
        foreach (var (name, metric) in curves)
            if (Averaged(Points(logs.Metrics, metric, scale), MostPoints) is { Length: > 0 } points)
                lines.Add(new(name, points));
        return lines;
    }

    private (string, IReadOnlyList<ChartRange>)? Range(string name, string low, string high)
    {
        // Neighbours are averaged, not their extremes taken, so that the band keeps its meaning: what a step typically spans.
        var (lows, highs) = (Averaged(Points(logs.Metrics, low), MostPoints), Averaged(Points(logs.Metrics, high), MostPoints));
        ChartRange[] ranges = [.. lows.Join(highs, l => l.X, h => h.X, (l, h) => new ChartRange(l.X, l.Y, h.Y))];
        return ranges.Length > 0 ? (name, ranges) : null;
    }

    private static ChartPoint[] Points(IReadOnlyList<JsonObject> rows, string name, double scale = 1) =>
        [.. rows.Select(r => (X: RunLogs.Number(r, "step")!.Value, Y: RunLogs.Number(r, name)))
            .Where(p => p.Y is not null)
            .Select(p => new ChartPoint(p.X, scale * p.Y!.Value))];

    private static ChartPoint[] Averaged(ChartPoint[] points, int most)
    {
        if (points.Length <= most)
            return points;
        var size = (points.Length + most - 1) / most;
        return [.. points.Chunk(size).Select(c => new ChartPoint(c.Average(p => p.X), c.Average(p => p.Y)))];
    }
}
