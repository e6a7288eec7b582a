using System.Text.Json.Nodes;
using G2RL.Onnx.Experiments;
using G2RL.Onnx.Reports.Charts;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports.Comparisons;

/// <summary>
/// What an experiment leaves for people: tables.md, charts/*.svg and compare.html, made from its rows and its runs' logs alone.
/// </summary>
/// <param name="Tables">The tables in Markdown.</param>
/// <param name="Page">Path of the page.</param>
/// <param name="Results">Path of results.jsonl.</param>
/// <param name="Rows">Means and differences, for programs.</param>
public sealed record ExperimentPages(string Tables, string Page, string Results, IReadOnlyList<JsonObject> Rows)
{
    private static readonly (string Id, string Title, string Metric, string Unit, double Scale)[] Curves =
    [
        ("learning", "Learning curves: right answers while training", "reward/right_share", "% of rollouts", 100),
        ("entropy", "Entropy at sampling", "policy/sampling_entropy_nats", "nats per token", 1),
    ];

    /// <summary>Writes tables, charts and page of what is finished.</summary>
    /// <exception cref="InputException">The folder holds no experiment, or cannot be written.</exception>
    public static ExperimentPages Write(Experiment experiment, string output)
    {
        if (!File.Exists(Path.Combine(output, "experiment.json")))
            throw new InputException($"{output} holds no experiment (there is no experiment.json). Run it first: "
                + $"g2rl compare EXPERIMENT --output {output}");
        try
        {
            return Write(new ExperimentFolder(output, experiment));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"The pages of {output} cannot be written: {e.Message} Make room or correct the folder's permissions, "
                + "then write them with --pages-only.", e);
        }
    }

    private static ExperimentPages Write(ExperimentFolder folder)
    {
        // Another process may be at work on them; it writes results.jsonl itself.
        var rows = folder.Rows();
        var experiment = folder.Experiment;
        var (tables, charts) = (new ExperimentTables(experiment, rows), new ExperimentCharts(folder, rows));
        var markdown = $"# {experiment.Name}\n\n"
            + string.Concat(Bases(experiment, rows).SelectMany(tables.Of).Select(t => t.Markdown("##")));
        DurableFile.Write(Path.Combine(folder.Path, "tables.md"), markdown);
        var pictures = Directory.CreateDirectory(Path.Combine(folder.Path, "charts")).FullName;
        foreach (var start in Bases(experiment, rows))
        {
            foreach (var curve in Curves)
                Save(
                    Path.Combine(pictures, $"{curve.Id}-{start}.svg"),
                    charts.Curves(start, curve.Id, curve.Metric, curve.Unit, curve.Scale));
            Save(Path.Combine(pictures, $"cosines-{start}.svg"), charts.Histograms(start));
            var forests = tables.MainMetrics(start)
                .Select(m => ($"{m}: points, each arm minus {experiment.Baseline}", ExperimentCharts.Forest(tables, experiment, start, m)))
                .Where(f => f.Item2 is not null)
                .Select(f => (f.Item1, f.Item2!))
                .ToArray();
            if (forests.Length > 0)
                DurableFile.Write(Path.Combine(pictures, $"differences-{start}.svg"), SvgFile.Grid(
                    forests,
                    ForestSvg.Width,
                    ForestSvg.Height(ExperimentCharts.Rows(tables, start, tables.MainMetrics(start)[0]).Count)));
        }
        var page = Path.Combine(folder.Path, "compare.html");
        DurableFile.Write(
            page,
            HtmlReport.Page($"{experiment.Name}: G2RL.Onnx comparison", html => WriteBody(html, folder, rows, tables, charts)));
        return new(
            markdown,
            page,
            Path.Combine(folder.Path, ExperimentFolder.ResultsFile),
            [.. tables.Values.Select(Row), .. tables.Differences.Select(Row)]);
    }

    private static void WriteBody(
        HtmlWriter html,
        ExperimentFolder folder,
        IReadOnlyList<JsonObject> rows,
        ExperimentTables tables,
        ExperimentCharts charts)
    {
        var experiment = folder.Experiment;
        var finished = rows.Count(r => r["seed"] is not null);
        using (html.Open("header"))
        {
            html.Leaf("p", "G2RL.Onnx comparison", "kind");
            html.Leaf("h1", experiment.Name);
            html.Leaf("p", $"{string.Join(", ", experiment.Arms.Select(a => a.Name))}; seeds {string.Join(", ", experiment.Seeds)}; "
                + $"base models {string.Join(", ", experiment.Bases.Select(b => b.Name))}", "what");
            using var facts = html.Open("div", "status");
            html.Leaf(
                "span",
                finished == folder.Cells.Count ? $"{finished} runs, finished" : $"{finished} of {folder.Cells.Count} runs, not finished",
                finished == folder.Cells.Count ? "done" : "open");
            html.Leaf("span", $"{Format.Seconds(rows.Sum(r => RunLogs.Number(r, "training_seconds") ?? 0))} training, all runs added");
            html.Leaf("span", $"{Format.Seconds(rows.Sum(r => RunLogs.Number(r, "evaluation_seconds") ?? 0))} evaluating");
        }
        if (finished == 0)
            html.Leaf("p", "No run is finished.", "note");
        foreach (var start in Bases(experiment, rows))
            using (html.Open("section"))
            {
                html.Leaf("h2", start);
                html.Leaf("p", $"Differences to {experiment.Baseline}, seed by seed, in points: "
                    + "mean, 95 % interval over seeds (Student's t), and each seed as a small dot. "
                    + "Nothing is corrected for the number of comparisons.", "note");
                using (html.Open("div", "charts"))
                    foreach (var metric in tables.MainMetrics(start))
                        if (ExperimentCharts.Forest(tables, experiment, start, metric) is { } forest)
                            using (html.Open("figure"))
                            {
                                using (html.Open("figcaption"))
                                    html.Leaf("b", metric);
                                html.Raw(forest);
                            }
                foreach (var table in tables.Of(start))
                    table.Write(html);
                foreach (var curve in Curves)
                    Section(html, curve.Title, charts.Curves(start, curve.Id, curve.Metric, curve.Unit, curve.Scale));
                Section(html, "Cosines of gradient features, p_t at the sampling temperature", charts.Histograms(start));
            }
        using (html.Open("section"))
        {
            html.Leaf("h2", "Experiment");
            using (html.Open("details"))
            {
                html.Leaf("summary", "Settings");
                SettingsTable.Write(html, (JsonObject)JsonNode.Parse(ExperimentFile.ToJson(experiment))!);
            }
        }
    }

    private static void Section(HtmlWriter html, string title, IReadOnlyList<Chart> charts)
    {
        if (charts.Count == 0)
            return;
        html.Leaf("h3", title);
        ChartGrid.Write(html, charts);
    }

    private static void Save(string path, IReadOnlyList<Chart> charts)
    {
        if (charts.Count > 0)
            DurableFile.Write(
                path,
                SvgFile.Grid([.. charts.Select(c => ($"{c.Title}, {c.Unit}", ChartSvg.Render(c)))], ChartSvg.Width, ChartSvg.Height));
    }

    private static IEnumerable<string> Bases(Experiment experiment, IReadOnlyList<JsonObject> rows) =>
        experiment.Bases.Select(b => b.Name).Where(b => rows.Any(r => RunLogs.Text(r, "base") == b));

    private static JsonObject Row(ArmValue v) => new()
    {
        ["base"] = v.Base,
        ["metric"] = v.Metric,
        ["arm"] = v.Arm,
        ["seeds"] = v.Values.Count,
        ["mean"] = v.Mean.Mean,
        ["low"] = v.Mean.Low,
        ["high"] = v.Mean.High,
    };

    private static JsonObject Row(ArmDifference d) => new()
    {
        ["base"] = d.Base,
        ["metric"] = d.Metric,
        ["arm"] = d.Arm,
        ["minus"] = d.Against,
        ["seeds"] = d.Values.Count,
        ["mean"] = d.Mean.Mean,
        ["low"] = d.Mean.Low,
        ["high"] = d.Mean.High,
        ["bootstrap_low"] = d.Bootstrap.Low,
        ["bootstrap_high"] = d.Bootstrap.High,
    };
}
