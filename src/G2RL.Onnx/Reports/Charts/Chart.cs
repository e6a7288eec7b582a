namespace G2RL.Onnx.Reports.Charts;

/// <summary>A point of a curve.</summary>
internal readonly record struct ChartPoint(double X, double Y);

/// <summary>What lies between two numbers at a place.</summary>
internal readonly record struct ChartRange(double X, double Low, double High);

/// <summary>One curve.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Points">Its points, by X.</param>
/// <param name="Dashed">A limit or a reference rather than a measurement.</param>
internal sealed record ChartLine(string Name, IReadOnlyList<ChartPoint> Points, bool Dashed = false);

/// <summary>A picture of the run: curves over steps, an optional band behind the first of them, or curves stacked as bars.</summary>
/// <param name="Id">Letters; unique in the page.</param>
/// <param name="Title">What it shows.</param>
/// <param name="Unit">Unit of the numbers.</param>
/// <param name="Lines">Curves with at least one point each.</param>
internal sealed record Chart(string Id, string Title, string Unit, IReadOnlyList<ChartLine> Lines)
{
    /// <summary>A word on how to read it.</summary>
    public string Note { get; init; } = "";

    /// <summary>The band and what it is; it has the colour of the first curve.</summary>
    public (string Name, IReadOnlyList<ChartRange> Ranges)? Band { get; init; }

    /// <summary>Bars on top of each other, one at each X, in place of curves.</summary>
    public bool Stacked { get; init; }

    /// <summary>Powers of ten.</summary>
    public bool Logarithmic { get; init; }

    /// <summary>
    /// The axis reaches at least this far up, so that noise around nothing is not blown up; without it the numbers decide.
    /// </summary>
    public double LeastTop { get; init; } = double.NegativeInfinity;

    /// <summary>Lower end of the axis; null lets the numbers decide.</summary>
    public double? Minimum { get; init; }

    /// <summary>Upper end of the axis; null lets the numbers decide.</summary>
    public double? Maximum { get; init; }
}
