using System.Globalization;
using System.Xml.Linq;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace G2RL.Onnx.Reports.Charts;

/// <summary>
/// Draws a chart with OxyPlot as inline SVG. OxyPlot knows only fixed colours, so each role gets a colour of its own that no chart would
/// use, and the finished picture names the page's CSS variable in its place: one picture serves light and dark.
/// </summary>
internal static class ChartSvg
{
    /// <summary>Width of a chart.</summary>
    public const int Width = 400;

    /// <summary>Height of a chart.</summary>
    public const int Height = 220;

    private const int MarkedUpTo = 25;

    private static readonly string[] Roles = ["muted", "grid", "series-1", "series-2", "series-3", "series-4", "series-5", "series-6"];

    /// <summary>The role of the curve at an index.</summary>
    public static string Role(int line) => Roles[2 + (line % (Roles.Length - 2))];

    /// <summary>The picture.</summary>
    public static string Render(Chart chart) =>
        Render(Model(chart), Width, Height, chart.Id, $"{chart.Title}, {chart.Unit}: {string.Join(", ", chart.Lines.Select(l => l.Name))}");

    /// <summary>A picture of a model of one's own, whose colours are those of <see cref="Color"/>.</summary>
    internal static string Render(PlotModel model, int width, int height, string id, string label) =>
        Inline(XDocument.Parse(new SvgExporter { Width = width, Height = height }.ExportToString(model)).Root!, width, height, id, label);

    /// <summary>The colour that stands for a role until the picture is finished.</summary>
    internal static OxyColor Color(string role) => OxyColor.FromRgb(1, 0, (byte)Array.IndexOf(Roles, role));

    private static PlotModel Model(Chart chart)
    {
        var model = new PlotModel
        {
            Culture = CultureInfo.InvariantCulture,
            PlotAreaBorderThickness = new OxyThickness(0),
            Padding = new OxyThickness(0, 6, 8, 2),
            // Fixed, since the page's font is not the one that OxyPlot measures.
            PlotMargins = new OxyThickness(44, double.NaN, double.NaN, double.NaN),
            TextColor = Color("muted"),
            DefaultFontSize = 12,
        };
        model.Axes.Add(new LinearAxis
        {
            Position = AxisPosition.Bottom,
            MinimumMajorStep = 1,
            MinorTickSize = 0,
            MajorTickSize = 4,
            TicklineColor = Color("grid"),
            AxislineStyle = LineStyle.Solid,
            AxislineColor = Color("grid"),
            MinimumPadding = 0.02,
            MaximumPadding = 0.02,
            MinimumRange = 1,
            IntervalLength = 60,
        });
        model.Axes.Add(VerticalAxis(chart));
        foreach (var series in chart.Stacked ? Bars(chart) : Curves(chart))
            model.Series.Add(series);
        return model;
    }

    private static Axis VerticalAxis(Chart chart)
    {
        var heights = chart.Stacked
            ? chart.Lines.SelectMany(l => l.Points).GroupBy(p => p.X).Select(g => g.Sum(p => p.Y)).Append(0).ToArray()
            : [
                .. chart.Lines.SelectMany(l => l.Points).Select(p => p.Y),
                .. chart.Band is { } band ? band.Ranges.SelectMany(r => new[] { r.Low, r.High }) : [],
            ];
        var (low, high) = (chart.Minimum ?? heights.Min(), Math.Max(heights.Max(), chart.LeastTop));
        Axis axis = chart.Logarithmic ? new LogarithmicAxis() : new LinearAxis();
        axis.Position = AxisPosition.Left;
        axis.LabelFormatter = Format.Short;
        axis.MajorGridlineStyle = LineStyle.Solid;
        axis.MajorGridlineColor = Color("grid");
        axis.MinorTickSize = 0;
        axis.MajorTickSize = 0;
        axis.IntervalLength = 38;
        axis.AxisTickToLabelDistance = 5;
        // A curve that moves by rounding alone still needs room around it.
        var size = Math.Max(Math.Max(Math.Abs(low), Math.Abs(high)), 1e-9);
        var span = high - low > 1e-6 * size ? high - low : size;
        axis.Minimum = chart.Logarithmic ? low / 1.5 : chart.Minimum ?? (low - (0.06 * span));
        axis.Maximum = chart.Logarithmic ? high * 1.5 : chart.Maximum ?? (high + (0.08 * span));
        return axis;
    }

    private static IEnumerable<Series> Curves(Chart chart)
    {
        if (chart.Band is { } band)
        {
            var area = new AreaSeries
            {
                Color = OxyColors.Transparent,
                Fill = OxyColor.FromAColor(50, Color(Role(0))),
                StrokeThickness = 0,
            };
            area.Points.AddRange(band.Ranges.Select(r => new DataPoint(r.X, r.High)));
            area.Points2.AddRange(band.Ranges.Select(r => new DataPoint(r.X, r.Low)));
            yield return area;
        }
        foreach (var (line, index) in chart.Lines.Select((l, i) => (l, i)))
        {
            var color = Color(Role(index));
            var series = new LineSeries
            {
                Color = color,
                StrokeThickness = line.Dashed ? 1.2 : 2,
                LineStyle = line.Dashed ? LineStyle.Dash : LineStyle.Solid,
            };
            if (line.Points.Count <= MarkedUpTo && !line.Dashed)
                (series.MarkerType, series.MarkerSize, series.MarkerFill) = (MarkerType.Circle, line.Points.Count == 1 ? 4 : 2.5, color);
            series.Points.AddRange(line.Points.Select(p => new DataPoint(p.X, p.Y)));
            yield return series;
        }
    }

    private static IEnumerable<Series> Bars(Chart chart)
    {
        var places = chart.Lines.SelectMany(l => l.Points.Select(p => p.X)).Distinct().Order().ToArray();
        var half = places.Length < 2 ? 0.35 : 0.42 * places.Zip(places.Skip(1), (a, b) => b - a).Min();
        var tops = new Dictionary<double, double>();
        foreach (var (line, index) in chart.Lines.Select((l, i) => (l, i)))
        {
            var series = new RectangleBarSeries { FillColor = Color(Role(index)), StrokeThickness = 0 };
            foreach (var point in line.Points)
            {
                var bottom = tops.GetValueOrDefault(point.X);
                series.Items.Add(new RectangleBarItem(point.X - half, bottom, point.X + half, tops[point.X] = bottom + point.Y));
            }
            yield return series;
        }
    }

    // Without namespaces, sizes and fonts: the page decides. Clip paths get names that are unique in the page.
    private static string Inline(XElement svg, int width, int height, string id, string label)
    {
        var root = new XElement(
            "svg",
            new XAttribute("viewBox", $"0 0 {width} {height}"),
            new XAttribute("role", "img"),
            new XAttribute("aria-label", label));
        root.Add(svg.Elements().Select(e => Plain(e, id)));
        return root.ToString(SaveOptions.DisableFormatting);
    }

    private static XElement Plain(XElement element, string id)
    {
        var plain = new XElement(element.Name.LocalName);
        foreach (var attribute in element.Attributes()
            .Where(a => !a.IsNamespaceDeclaration && a.Name.LocalName is not ("font-family" or "font-weight")))
        {
            var (name, value) = (attribute.Name.LocalName, attribute.Value.Replace("clipPath", id + "-clip"));
            for (var role = 0; role < Roles.Length; role++)
                value = value.Replace($"rgb(1,0,{role})", $"var(--{Roles[role]})");
            // A presentation attribute may not name a variable; a style may.
            plain.Add(name == "fill" && value.StartsWith("var(", StringComparison.Ordinal)
                ? new XAttribute("style", $"fill:{value}")
                : new XAttribute(name, value));
        }
        plain.Add(element.Nodes().Select(n => n is XElement child ? Plain(child, id) : n));
        return plain;
    }
}
