using G2RL.Onnx.Reports.Charts;

namespace G2RL.Onnx.Benchmarks;

/// <summary>Rows as pictures, in the colours of the report.</summary>
internal static class Plots
{
    /// <summary>Writes roofline.svg and growth.svg; what has no rows is left out.</summary>
    public static void Write(IReadOnlyList<Row> rows, string folder)
    {
        Directory.CreateDirectory(folder);
        var runs = rows.Where(r => r.Work is not null).GroupBy(r => r.Name[..r.Name.LastIndexOf(':')]).ToArray();
        if (runs.Length > 0)
            File.WriteAllText(Path.Combine(folder, "roofline.svg"), SvgFile.Grid(
                [.. runs.Select((run, i) => ($"{run.Key}: ms of a step", PhaseBars.Render($"run{i}", run.Key, [.. run])))],
                PhaseBars.Width,
                PhaseBars.Height));
        var curves = rows.Where(r => r.At is not null).GroupBy(r => r.Name).OrderBy(c => c.First().Unit, StringComparer.Ordinal).ToArray();
        if (curves.Length > 0)
            File.WriteAllText(Path.Combine(folder, "growth.svg"), SvgFile.Grid(
                [.. curves.Select((c, i) => (Caption(c.Key, c.First().Unit), ChartSvg.Render(Curve($"curve{i}", c.Key, [.. c]))))],
                ChartSvg.Width,
                ChartSvg.Height));
    }

    // Without the model, which the text around the picture names.
    private static string Caption(string name, string unit) => $"{name[(name.IndexOf(':', StringComparison.Ordinal) + 2)..]}, {unit}";

    // Beside the measured points what a straight line through the first and the last would give.
    private static Chart Curve(string id, string name, Row[] rows)
    {
        var points = rows.Select(r => new ChartPoint(r.At!.Value, r.Value)).ToArray();
        return new(id, name, rows[0].Unit, [new("measured", points), new("straight", [points[0], points[^1]], Dashed: true)])
        {
            Minimum = 0,
        };
    }
}
