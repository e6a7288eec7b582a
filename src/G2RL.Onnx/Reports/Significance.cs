using MathNet.Numerics.Distributions;

namespace G2RL.Onnx.Reports;

/// <summary>Whether two means differ beyond chance, from their 95 % intervals.</summary>
/// <param name="Difference">Second minus first.</param>
/// <param name="Half">Half the width of the difference's 95 % interval.</param>
internal readonly record struct Significance(double Difference, double Half)
{
    /// <summary>
    /// Of two means that are taken as independent: half widths add as their squares. On the same problems the true interval is rather
    /// narrower, so this claims too little rather than too much.
    /// </summary>
    public static Significance Of((double Mean, double Low, double High) first, (double Mean, double Low, double High) second) => new(
        second.Mean - first.Mean,
        Math.Sqrt(Math.Pow((first.High - first.Low) / 2, 2) + Math.Pow((second.High - second.Low) / 2, 2)));

    /// <summary>Lower end of the interval.</summary>
    public double Low => Difference - Half;

    /// <summary>Upper end of the interval.</summary>
    public double High => Difference + Half;

    /// <summary>Whether the interval leaves out 0.</summary>
    public bool IsClear => Math.Abs(Difference) > Half;

    /// <summary>Two-sided p of a difference so large where there is none, by the normal law.</summary>
    public double P => Half > 0 ? 2 * Normal.CDF(0, 1, -Math.Abs(Difference) / (Half / Normal.InvCDF(0, 1, 0.975))) : IsClear ? 0 : 1;

    /// <summary>In words.</summary>
    public string Words =>
        (IsClear ? "beyond chance" : "may be chance") + (P < 0.001 ? ", p < 0.001" : $", p = {Format.Number(Math.Round(P, 3))}");
}
