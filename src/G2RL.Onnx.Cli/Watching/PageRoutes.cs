using System.Diagnostics;
using System.Globalization;
using G2RL.Onnx.Reports.Viewing;
using Microsoft.AspNetCore.Http;

namespace G2RL.Onnx.Cli.Watching;

/// <summary>What the page asks for: itself, and of each run its metrics, its rollouts' index, rows of them, and a search.</summary>
/// <param name="page">The page.</param>
internal sealed class PageRoutes(RunPage page)
{
    // Drawing the page takes at most this share of the time, however often it is asked for.
    private const int Rest = 100;
    private const int MostRows = 64;

    private readonly Lock gate = new();
    private string html = "";
    private string drawnOf = "";
    private long restsUntil;

    /// <summary>A text and its type; null where there is nothing of that name.</summary>
    /// <param name="path">Behind the token.</param>
    /// <param name="query">The query.</param>
    public (string Type, string Text)? Answer(string path, IQueryCollection query)
    {
        if (path.Length == 0)
            return ("text/html; charset=utf-8", Html());
        return path.Split('/') is ["run", var number, var what] && int.TryParse(number, NumberStyles.None, null, out var run)
            && run < page.Runs && Data(what, run, query) is { } json ? ("application/json", json) : null;
    }

    private string? Data(string what, int run, IQueryCollection query) => what switch
    {
        "metrics" => page.Metrics(run),
        "rollouts" => page.Rollouts(run, Number(query["generation"]), Number(query["from"])),
        "rows" => page.Rows(run, $"{query["ids"]}".Split(',').Take(MostRows).Select(Number)),
        "search" => page.Search(run, $"{query["text"]}"),
        _ => null,
    };

    private static int Number(string? text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : -1;

    private static int Number(Microsoft.Extensions.Primitives.StringValues values) => Number(values.ToString());

    /// <summary>The page as of now, or for a while as of a moment ago.</summary>
    private string Html()
    {
        lock (gate)
        {
            var state = page.State();
            var now = Stopwatch.GetTimestamp();
            if (html.Length > 0 && (state == drawnOf || now < restsUntil))
                return html;
            (html, drawnOf) = (page.Html(served: true), state);
            var took = Stopwatch.GetTimestamp() - now;
            restsUntil = now + (Rest * took);
            return html;
        }
    }
}
