using G2RL.Onnx.Reports.Charts;
using G2RL.Onnx.Reports.Viewing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports;

/// <summary>The body of a run's page, or of two runs' beside each other. Parts that change while a run goes on bear a name each.</summary>
internal static class RunBody
{
    /// <summary>Writes it.</summary>
    public static void Write(HtmlWriter html, IReadOnlyList<RunLogs> runs, IReadOnlyList<string> names, string data, bool served)
    {
        if (served)
            html.Raw("<p class=\"note\" id=\"live\" role=\"status\">connecting</p>\n");
        using (Part(html, "summary"))
            for (var i = 0; i < runs.Count; i++)
                using (html.Open("header"))
                    RunSummary.Write(html, runs[i], runs.Count > 1 ? names[i] : null);
        using (Part(html, "results"))
            WriteResults(html, runs, names);
        using (Part(html, "curves"))
            WriteCurves(html, runs, names);
        using (html.Open("section"))
        {
            html.Leaf("h2", "Any metric");
            using (html.Open("div", null, ("id", "explorer")))
                html.Leaf("p", "Curves of every metric need a browser that runs the page's script.", "note");
        }
        using (html.Open("section"))
        {
            html.Leaf("h2", "Rollouts");
            using (html.Open("div", null, ("id", "sample-rollouts")))
                WriteRollouts(html, runs[0]);
            html.Raw("<div id=\"viewer\"></div>\n");
        }
        using (html.Open("section"))
            WriteSettings(html, runs, names);
        html.Raw($"<script type=\"application/json\" id=\"data\">{data}</script>\n");
    }

    private static HtmlWriter.Scope Part(HtmlWriter html, string name) => html.Open("section", null, ("data-part", name));

    private static void WriteResults(HtmlWriter html, IReadOnlyList<RunLogs> runs, IReadOnlyList<string> names)
    {
        for (var i = 0; i < runs.Count; i++)
        {
            if (runs.Count > 1)
                html.Leaf("h2", names[i]);
            var evaluations = new EvaluationSummary(runs[i]);
            evaluations.WriteHeadline(html);
            evaluations.WriteDoubts(html);
            html.Leaf(runs.Count > 1 ? "h3" : "h2", "Before and after");
            evaluations.WriteTable(html);
            evaluations.WriteBenchmarks(html);
        }
        if (runs.Count > 1)
            RunComparison.WriteResults(html, runs[0], runs[1], names);
    }

    private static void WriteCurves(HtmlWriter html, IReadOnlyList<RunLogs> runs, IReadOnlyList<string> names)
    {
        html.Leaf("h2", "Curves");
        var charts = RunCharts.Of(runs[0]);
        if (runs.Count > 1)
        {
            html.Leaf("p", $"Solid {names[0]}, dashed {names[1]}.", "note");
            charts = RunComparison.Overlaid(charts, RunCharts.Of(runs[1]));
        }
        ChartGrid.Write(html, charts, runs.Max(r => r.Metrics.Count));
        for (var i = 0; i < runs.Count; i++)
            WorkersPanel.Write(html, runs[i].Works, runs.Count > 1 ? names[i] : null);
    }

    private static void WriteRollouts(HtmlWriter html, RunLogs logs)
    {
        html.Leaf("p", logs.FirstRollouts.Count == 0
            ? "No rollouts were logged."
            : "Of two groups of the first and the last logged step, the rollouts with the highest and the lowest advantage.", "note");
        RolloutCards.Write(html, logs.FirstRollouts);
        RolloutCards.Write(html, logs.LastRollouts);
    }

    private static void WriteSettings(HtmlWriter html, IReadOnlyList<RunLogs> runs, IReadOnlyList<string> names)
    {
        html.Leaf("h2", "Settings");
        if (runs.Count > 1)
            RunComparison.WriteSettings(html, runs[0], runs[1], names);
        for (var i = 0; i < runs.Count; i++)
        {
            var of = runs.Count > 1 ? $" of {names[i]}" : "";
            using (html.Open("details"))
            {
                html.Leaf("summary", "Resolved configuration" + of);
                SettingsTable.Write(html, runs[i].Config);
            }
            if (runs[i].Environment is not { } environment)
                continue;
            using (html.Open("details"))
            {
                html.Leaf("summary", "Environment" + of);
                SettingsTable.Write(html, environment);
            }
        }
    }
}
