namespace G2RL.Onnx.Conformance;

/// <summary>
/// Compares what was computed with what is expected: |a - e| &lt;= atol + rtol |e|; NaN equals NaN, an infinity equals itself.
/// </summary>
/// <param name="rtol">Relative tolerance.</param>
/// <param name="atol">Absolute tolerance.</param>
internal sealed class Check(double rtol, double atol)
{
    private int worse;
    private string first = "";

    /// <summary>Relative tolerance.</summary>
    public double Relative => rtol;

    /// <summary>Absolute tolerance.</summary>
    public double Absolute => atol;

    /// <summary>Numbers compared.</summary>
    public int Compared { get; private set; }

    /// <summary>Largest error so far: absolute, or relative to values above 1; infinity where one side is no finite number.</summary>
    public double Largest { get; private set; }

    /// <summary>What is wrong; empty when nothing is.</summary>
    public string Fault => worse == 0 ? "" : worse == 1 ? first : $"{first} ({worse} differences)";

    /// <summary>A fault that is no difference of numbers.</summary>
    public void Fail(string what)
    {
        if (worse++ == 0)
            first = what;
    }

    /// <summary>Compares numbers.</summary>
    public void Near(string what, IReadOnlyList<double> actual, IReadOnlyList<double> expected) => Near(what, actual, expected, rtol, atol);

    /// <summary>Compares numbers at tolerances of their own.</summary>
    public void Near(string what, IReadOnlyList<double> actual, IReadOnlyList<double> expected, double relative, double absolute)
    {
        if (actual.Count != expected.Count)
            Fail($"{what}: {actual.Count} numbers, {expected.Count} are expected");
        for (var i = 0; i < Math.Min(actual.Count, expected.Count); i++)
        {
            Compared++;
            var (a, e) = (actual[i], expected[i]);
            if (a == e || (double.IsNaN(a) && double.IsNaN(e)))
                continue;
            var difference = Math.Abs(a - e);
            var error = difference / Math.Max(1, Math.Abs(e));
            Largest = Math.Max(Largest, double.IsNaN(error) ? double.PositiveInfinity : error);
            if (!(difference <= absolute + (relative * Math.Abs(e))) || double.IsInfinity(e))
                Fail($"{what}{(actual.Count > 1 ? $"[{i}]" : "")} is {a:R}, expected {e:R}");
        }
    }

    /// <summary>Compares numbers with a part of a case's expectation, if it has that part.</summary>
    public void Expected(GoldenCase c, string? name, IReadOnlyList<double> actual)
    {
        if (c.Expected(name) is { } expected)
            Near(name ?? "result", actual, expected.Values);
    }

    /// <summary>Compares one number.</summary>
    public void Expected(GoldenCase c, string? name, double actual) => Expected(c, name, [actual]);
}
