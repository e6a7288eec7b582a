namespace G2RL.Onnx.Reports.Charts;

/// <summary>Charts side by side, each with its title, its legend with the last value of every curve, and a note.</summary>
internal static class ChartGrid
{
    /// <summary>Writes the charts of a run of so many steps.</summary>
    public static void Write(HtmlWriter html, IReadOnlyList<Chart> charts, int steps)
    {
        if (charts.Count == 0)
        {
            html.Leaf("p", "No step was completed.", "note");
            return;
        }
        html.Leaf("p", "Over the steps of training; beside each name stands its last "
            + $"value.{(steps > RunCharts.MostPoints ? " Neighbouring steps are averaged." : "")}", "note");
        Write(html, charts);
    }

    /// <summary>Writes the charts alone.</summary>
    public static void Write(HtmlWriter html, IReadOnlyList<Chart> charts)
    {
        using var grid = html.Open("div", "charts");
        foreach (var chart in charts)
        {
            using var figure = html.Open("figure", null, ("id", $"chart-{chart.Id}"));
            using (html.Open("figcaption"))
            {
                html.Leaf("b", chart.Title);
                html.Leaf("small", " " + chart.Unit);
            }
            if (chart.Note.Length > 0)
                html.Leaf("p", chart.Note, "note");
            WriteLegend(html, chart);
            html.Raw(ChartSvg.Render(chart));
        }
    }

    private static void WriteLegend(HtmlWriter html, Chart chart)
    {
        using var legend = html.Open("div", "legend");
        for (var i = 0; i < chart.Lines.Count; i++)
        {
            using var entry = html.Open("span");
            using (html.Open(
                "i",
                chart.Stacked ? "bar" : chart.Lines[i].Dashed ? "dash" : "line",
                ("style", $"--color:var(--{ChartSvg.Role(i)})")))
            {
            }
            html.Text($"{chart.Lines[i].Name} ");
            html.Leaf("b", Format.Number(chart.Lines[i].Points[^1].Y));
        }
        if (chart.Band is { } band)
        {
            using var entry = html.Open("span");
            using (html.Open("i", "band", ("style", $"--color:var(--{ChartSvg.Role(0)})")))
            {
            }
            html.Text(band.Name);
        }
    }
}
