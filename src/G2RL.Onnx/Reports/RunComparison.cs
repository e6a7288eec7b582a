using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Reports.Charts;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports;

/// <summary>What two runs beside each other differ in: results with what chance may do, curves over each other, settings.</summary>
internal static class RunComparison
{
    /// <summary>Writes the difference of the last evaluations.</summary>
    public static void WriteResults(HtmlWriter html, RunLogs first, RunLogs second, IReadOnlyList<string> names)
    {
        html.Leaf("h2", "Difference");
        var (a, b) = (Last(first), Last(second));
        if (a is null || b is null)
        {
            html.Leaf("p", "One of the runs was not evaluated.", "note");
            return;
        }
        string After(JsonObject row) => Format.Steps(RunLogs.Number(row, "step") ?? 0);
        // Held-out problems are a function of these settings.
        var areSame = JsonNode.DeepEquals(first.Config["problems"], second.Config["problems"]);
        var paired = areSame ? Significance.Paired(a, b) : null;
        html.Leaf("p", $"Last evaluations, after {After(a)} and {After(b)}; intervals 95 %, "
            + (paired is { } both ? $"pass@1 {both.How}, else " : "")
            + "the two taken as independent. Two runs differ by their seeds, too: g2rl compare repeats them.", "note");
        using var scroll = html.Scroll("difference of the runs");
        using var table = html.Open("table", "numbers");
        using (html.Open("thead"))
        using (html.Open("tr"))
            foreach (var head in new[] { "measure", names[0], names[1], "difference", "95 % interval", "verdict" })
                html.Leaf("th", head);
        using var body = html.Open("tbody");
        foreach (var (name, label) in new[] { ("pass@1", "pass@1"), ("pass@1_well_formed", "pass@1, well-formed answers alone") })
        {
            if (EvaluationSummary.Measured(a, name) is not { } from || EvaluationSummary.Measured(b, name) is not { } to)
                continue;
            var difference = (name == "pass@1" ? paired : null) ?? Significance.Of(from, to);
            using var row = html.Open("tr");
            html.Leaf("th", label);
            html.Leaf("td", Format.Percent(from.Mean));
            html.Leaf("td", Format.Percent(to.Mean));
            html.Leaf("td", Format.Points(difference.Difference));
            html.Leaf("td", $"{Format.Signed(100 * difference.Low, "0.0")} to {Format.Signed(100 * difference.High, "0.0")}");
            html.Leaf("td", difference.Words);
        }
    }

    private static JsonObject? Last(RunLogs logs) => logs.Evaluations.Count > 0 ? logs.Evaluations[^1] : null;

    /// <summary>Charts with the other run's curves dashed among them.</summary>
    public static IReadOnlyList<Chart> Overlaid(IReadOnlyList<Chart> first, IReadOnlyList<Chart> second) =>
    [
        .. first.Select(chart => chart.Stacked || second.FirstOrDefault(c => c.Id == chart.Id) is not { } other
            ? chart
            : chart with { Lines = [.. chart.Lines, .. other.Lines.Select(l => l with { Name = l.Name + " (dashed)", Dashed = true })] }),
    ];

    /// <summary>Writes the settings that differ.</summary>
    public static void WriteSettings(HtmlWriter html, RunLogs first, RunLogs second, IReadOnlyList<string> names)
    {
        var (a, b) = (ConfigSettings.Flat(first.Config), ConfigSettings.Flat(second.Config));
        var differing = a.Keys.Union(b.Keys).Order(StringComparer.Ordinal)
            .Select(k => (Name: k, First: a.GetValueOrDefault(k, "(none)"), Second: b.GetValueOrDefault(k, "(none)")))
            .Where(d => d.First != d.Second)
            .ToList();
        html.Leaf("h3", "Settings that differ");
        if (differing.Count == 0)
        {
            html.Leaf("p", "None.", "note");
            return;
        }
        using var scroll = html.Scroll("settings that differ");
        using var table = html.Open("table", "settings");
        using (html.Open("thead"))
        using (html.Open("tr"))
            foreach (var head in new[] { "setting", names[0], names[1] })
                html.Leaf("th", head);
        using var body = html.Open("tbody");
        foreach (var (name, from, to) in differing)
            using (html.Open("tr"))
                foreach (var (tag, text) in new[] { ("th", name), ("td", from), ("td", to) })
                    using (html.Open(tag))
                        html.Foreign(text, 2000);
    }
}
