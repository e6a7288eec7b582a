using G2RL.Onnx.Reports.Viewing;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports;

/// <summary>A run as one self-contained page: no script, font or picture from elsewhere; light and dark; wide and narrow.</summary>
public static class HtmlReport
{
    /// <summary>
    /// Writes report.html into a run's folder and gives its path. The page is made from the run's logs alone: the same logs give the same
    /// bytes.
    /// </summary>
    /// <param name="runFolder">Folder of a run, finished or not: whatever logs are missing, empty or torn leave out their part of the
    /// page.</param>
    /// <exception cref="InputException">The folder holds no run (no readable config.json), or cannot be written.</exception>
    public static string Write(string runFolder) => Write(runFolder, null);

    /// <summary>
    /// Writes a run and another beside it: report-OTHER.html in the first one's folder; without another the run's own report.html.
    /// </summary>
    /// <param name="runFolder">Folder of a run, finished or not.</param>
    /// <param name="beside">Folder of another run; null for none.</param>
    /// <exception cref="InputException">A folder holds no run, or the page cannot be written.</exception>
    public static string Write(string runFolder, string? beside)
    {
        var other = beside is null ? "" : "-" + Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(beside)));
        var path = Path.Combine(runFolder, $"report{other}.html");
        var page = new RunPage(runFolder, beside).Html(served: false);
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

    /// <summary>The page of a run, or of two.</summary>
    /// <param name="logs">One run's logs, or two runs'.</param>
    /// <param name="names">A name of each.</param>
    /// <param name="data">What the scripts read, JSON that no markup can come out of.</param>
    /// <param name="served">Whether a server stands behind the page.</param>
    internal static string Render(IReadOnlyList<RunLogs> logs, IReadOnlyList<string> names, string data, bool served)
    {
        var title = string.Join(" and ", logs.Select(l => RunLogs.Text(l.Config, "name")).Distinct());
        return Page($"{title}: G2RL.Onnx run", html => RunBody.Write(html, logs, names, data, served), PageScript.Text, served);
    }

    /// <summary>A page of the house: its head, and a body that is given.</summary>
    /// <param name="title">The title.</param>
    /// <param name="body">Writes the body.</param>
    /// <param name="script">The only script that may run, which stands at the end; empty for none.</param>
    /// <param name="served">Whether the script may ask the server that the page came from.</param>
    internal static string Page(string title, Action<HtmlWriter> body, string script = "", bool served = false)
    {
        var html = new HtmlWriter();
        html.Raw("<!DOCTYPE html>\n");
        using (html.Open("html", null, ("lang", "en")))
        {
            using (html.Open("head"))
                WriteHead(html, title, PageScript.Policy(script, served));
            using (html.Open("body"))
            {
                using (html.Open("main"))
                    body(html);
                if (script.Length > 0)
                    html.Raw($"<script>{script}</script>\n");
            }
        }
        return html.ToString();
    }

    private static void WriteHead(HtmlWriter html, string title, string policy)
    {
        html.Raw("<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
            + "name=\"color-scheme\" content=\"light dark\">\n");
        // Nothing may be loaded, and nothing run but the page's own script, whatever a completion says.
        html.Raw($"<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n");
        html.Leaf("title", title);
        using var style = html.Open("style");
        html.Raw(Style());
    }

    /// <summary>The style sheet of every page; its first rules name the colours.</summary>
    internal static string Style() => PageScript.Resource("report.css");
}
