using System.Globalization;
using G2RL.Onnx.Reports.Charts;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace G2RL.Onnx.Benchmarks;

/// <summary>
/// A bar for each phase of a step: the time that the machine's limit asks for, and behind it what was taken beyond, in milliseconds. The
/// light part is what there is to gain.
/// </summary>
internal static class PhaseBars
{
    /// <summary>Width of the picture.</summary>
    public const int Width = 420;

    /// <summary>Height of the picture.</summary>
    public const int Height = 190;

    /// <summary>The picture of a run.</summary>
    /// <param name="id">Letters; unique in the file.</param>
    /// <param name="run">The run.</param>
    /// <param name="rows">Its phases.</param>
    public static string Render(string id, string run, Row[] rows)
    {
        var model = new PlotModel
        {
            Culture = CultureInfo.InvariantCulture,
            PlotAreaBorderThickness = new OxyThickness(0),
            Padding = new OxyThickness(0, 4, 8, 2),
            PlotMargins = new OxyThickness(132, double.NaN, double.NaN, double.NaN),
            TextColor = ChartSvg.Color("muted"),
            DefaultFontSize = 12,
        };
        model.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Bottom,
            Minimum = 0,
            MinorTickSize = 0,
            MajorTickSize = 4,
            MajorGridlineStyle = LineStyle.Solid,
            MajorGridlineColor = ChartSvg.Color("grid"),
            TicklineColor = ChartSvg.Color("grid"),
        });
        model.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Left,
            Minimum = -rows.Length + 0.4,
            Maximum = 0.6,
            MajorStep = 1,
            MinorTickSize = 0,
            MajorTickSize = 0,
            AxisTickToLabelDistance = 6,
            LabelFormatter = y => Math.Abs(y - Math.Round(y)) < 1e-6 && (int)Math.Round(-y) is var i && i >= 0 && i < rows.Length
                ? string.Create(CultureInfo.InvariantCulture, $"{rows[i].Work!.Phase}, {100 * rows[i].Share:0} % of {By(rows[i])}")
                : "",
        });
        var (needed, beyond) = (Bars("series-1"), Bars("grid"));
        for (var i = 0; i < rows.Length; i++)
        {
            var taken = 1000 * rows[i].Work!.Seconds;
            var least = Math.Min(taken, taken * rows[i].Share!.Value);
            needed.Items.Add(new(0, -i - 0.3, least, -i + 0.3));
            beyond.Items.Add(new(least, -i - 0.3, taken, -i + 0.3));
        }
        model.Series.Add(beyond);
        model.Series.Add(needed);
        return ChartSvg.Render(
            model,
            Width,
            Height,
            id,
            $"{run}, milliseconds by phase: " + string.Join("; ", rows.Select(r => string.Create(
                CultureInfo.InvariantCulture,
                $"{r.Work!.Phase} {1000 * r.Work.Seconds:0.#} ms, {100 * r.Share:0} % of the limit by {r.LimitedBy}"))));
    }

    private static string By(Row row) => row.LimitedBy == "arithmetic" ? "GEMM" : row.LimitedBy;

    private static RectangleBarSeries Bars(string role) => new() { FillColor = ChartSvg.Color(role), StrokeThickness = 0 };
}
