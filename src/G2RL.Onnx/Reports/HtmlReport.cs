using G2RL.Onnx.Reports.Charts;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports;

/// <summary>A run as one self-contained page: no script, no font, no picture from elsewhere; light and dark; wide and narrow.</summary>
public static class HtmlReport
{
    /// <summary>
    /// Writes report.html into a run's folder and gives its path. The page is made from the run's logs alone: the same logs give the same
    /// bytes.
    /// </summary>
    /// <param name="runFolder">Folder of a run, finished or not: whatever logs are missing, empty or torn leave out their part of the
    /// page.</param>
    /// <exception cref="InputException">The folder holds no run (no readable config.json), or cannot be written.</exception>
    public static string Write(string runFolder)
    {
        var path = Path.Combine(runFolder, "report.html");
        var logs = RunLogs.Read(runFolder);
        var page = Page($"{RunLogs.Text(logs.Config, "name")}: G2RL.Onnx run", html => WriteBody(html, logs));
        try
        {
            DurableFile.Write(path, page);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be written: {e.Message} Free some space or the folder's permissions, then rebuild it "
                + $"with: g2rl report {runFolder}", e);
        }
        return path;
    }

    /// <summary>A page of the house: its head, and a body that is given.</summary>
    internal static string Page(string title, Action<HtmlWriter> body)
    {
        var html = new HtmlWriter();
        html.Raw("<!DOCTYPE html>\n");
        using (html.Open("html", null, ("lang", "en")))
        {
            using (html.Open("head"))
                WriteHead(html, title);
            using (html.Open("body"))
            using (html.Open("main"))
                body(html);
        }
        return html.ToString();
    }

    private static void WriteHead(HtmlWriter html, string title)
    {
        html.Raw("<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
            + "name=\"color-scheme\" content=\"light dark\">\n");
        // Nothing may be loaded or run, whatever a completion says.
        html.Raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
        html.Leaf("title", title);
        using var style = html.Open("style");
        html.Raw(Style());
    }

    private static void WriteBody(HtmlWriter html, RunLogs logs)
    {
        var evaluations = new EvaluationSummary(logs);
        using (html.Open("header"))
            RunSummary.Write(html, logs);
        evaluations.WriteHeadline(html);
        evaluations.WriteDoubts(html);
        using (html.Open("section"))
        {
            html.Leaf("h2", "Before and after");
            evaluations.WriteTable(html);
            evaluations.WriteBenchmarks(html);
        }
        using (html.Open("section"))
        {
            html.Leaf("h2", "Curves");
            ChartGrid.Write(html, RunCharts.Of(logs), logs.Metrics.Count);
        }
        using (html.Open("section"))
        {
            html.Leaf("h2", "Rollouts");
            html.Leaf("p", logs.FirstRollouts.Count == 0
                ? "No rollouts were logged."
                : "Of two groups of the first and the last logged step, the rollouts with the highest and the lowest advantage.", "note");
            RolloutCards.Write(html, logs.FirstRollouts);
            RolloutCards.Write(html, logs.LastRollouts);
        }
        using (html.Open("section"))
        {
            html.Leaf("h2", "Settings");
            using (html.Open("details"))
            {
                html.Leaf("summary", "Resolved configuration");
                SettingsTable.Write(html, logs.Config);
            }
            if (logs.Environment is not null)
                using (html.Open("details"))
                {
                    html.Leaf("summary", "Environment");
                    SettingsTable.Write(html, logs.Environment);
                }
        }
    }

    /// <summary>The style sheet of every page; its first rules name the colours.</summary>
    internal static string Style()
    {
        using var stream = typeof(HtmlReport).Assembly.GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
