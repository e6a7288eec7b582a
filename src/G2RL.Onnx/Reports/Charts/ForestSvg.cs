using System.Globalization;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace G2RL.Onnx.Reports.Charts;

/// <summary>Differences with their intervals under each other, the line of no difference through them.</summary>
internal static class ForestSvg
{
    /// <summary>Width of the picture.</summary>
    public const int Width = 520;

    private const int RowHeight = 24;

    /// <summary>Height of a picture of so many rows.</summary>
    public static int Height(int rows) => 44 + (RowHeight * rows);

    /// <summary>The picture.</summary>
    /// <param name="id">Letters; unique in the page.</param>
    /// <param name="label">What it shows.</param>
    /// <param name="rows">Name, single values, mean and interval of each, from above.</param>
    public static string Render(
        string id,
        string label,
        IReadOnlyList<(string Name, IReadOnlyList<double> Values, Evaluation.Interval Mean)> rows)
    {
        var model = new PlotModel
        {
            Culture = CultureInfo.InvariantCulture,
            PlotAreaBorderThickness = new OxyThickness(0),
            Padding = new OxyThickness(0, 6, 8, 2),
            PlotMargins = new OxyThickness(190, double.NaN, double.NaN, double.NaN),
            TextColor = ChartSvg.Color("muted"),
            DefaultFontSize = 12,
        };
        var ends = rows.SelectMany(r => r.Values.Append(r.Mean.Low).Append(r.Mean.High)).Append(0).ToArray();
        var margin = Math.Max(0.05 * (ends.Max() - ends.Min()), 1e-9);
        model.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Bottom,
            Minimum = ends.Min() - margin,
            Maximum = ends.Max() + margin,
            MinorTickSize = 0,
            MajorTickSize = 4,
            MajorGridlineStyle = LineStyle.Solid,
            MajorGridlineColor = ChartSvg.Color("grid"),
            TicklineColor = ChartSvg.Color("grid"),
            LabelFormatter = Format.Short,
        });
        model.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Left,
            Minimum = -rows.Count + 0.4,
            Maximum = 0.6,
            MajorStep = 1,
            MinorTickSize = 0,
            MajorTickSize = 0,
            AxisTickToLabelDistance = 6,
            LabelFormatter =
                y => Math.Abs(y - Math.Round(y)) < 1e-6 && (int)Math.Round(-y) is var i && i >= 0 && i < rows.Count ? rows[i].Name : "",
        });
        model.Series.Add(Line(ChartSvg.Color("muted"), 1.2, new DataPoint(0, 0.6), new DataPoint(0, -rows.Count + 0.4)));
        for (var i = 0; i < rows.Count; i++)
        {
            var (_, values, mean) = rows[i];
            var color = ChartSvg.Color(mean.Low > 0 ? "series-3" : mean.High < 0 ? "series-2" : "series-1");
            model.Series.Add(Line(color, 2, new DataPoint(mean.Low, -i), new DataPoint(mean.High, -i)));
            model.Series.Add(Points(ChartSvg.Color("muted"), 2.2, values.Select(v => new DataPoint(v, -i))));
            model.Series.Add(Points(color, 4, [new DataPoint(mean.Mean, -i)]));
        }
        return ChartSvg.Render(model, Width, Height(rows.Count), id, label);
    }

    private static LineSeries Line(OxyColor color, double thickness, params ReadOnlySpan<DataPoint> points)
    {
        var series = new LineSeries { Color = color, StrokeThickness = thickness };
        foreach (var point in points)
            series.Points.Add(point);
        return series;
    }

    private static LineSeries Points(OxyColor color, double size, IEnumerable<DataPoint> points)
    {
        var series = new LineSeries
        {
            Color = OxyColors.Transparent,
            StrokeThickness = 0,
            MarkerType = MarkerType.Circle,
            MarkerSize = size,
            MarkerFill = color,
        };
        series.Points.AddRange(points);
        return series;
    }
}
