using System.Globalization;

namespace G2RL.Onnx.Reports;

/// <summary>Numbers as the report shows them, the same in every culture.</summary>
internal static class Format
{
    /// <summary>0.354 as "35.4 %".</summary>
    public static string Percent(double share) => share.ToString("0.0\u00a0%", CultureInfo.InvariantCulture);

    /// <summary>A difference of shares as "+7.8 points", with a true minus sign.</summary>
    public static string Points(double share) => Signed(100 * share, "0.0") + "\u00a0points";

    /// <summary>A signed number; what rounds to nothing has no sign.</summary>
    public static string Signed(double value, string format)
    {
        var text = Math.Abs(value).ToString(format, CultureInfo.InvariantCulture);
        return !text.AsSpan().ContainsAnyInRange('1', '9') ? text : (value < 0 ? "\u2212" : "+") + text;
    }

    /// <summary>A number with as many digits as its size needs; very large and very small ones as powers of ten.</summary>
    public static string Number(double value)
    {
        var size = Math.Abs(value);
        var text = size switch
        {
            0 => "0",
            < 1e-3 or >= 1e6 => size.ToString("0.##e0", CultureInfo.InvariantCulture),
            < 1 => size.ToString("0.####", CultureInfo.InvariantCulture),
            < 100 => size.ToString("0.##", CultureInfo.InvariantCulture),
            _ => size.ToString("#,0.#", CultureInfo.InvariantCulture),
        };
        return value < 0 ? "\u2212" + text : text;
    }

    /// <summary>A number beside an axis: at most about six characters.</summary>
    public static string Short(double value) => Math.Abs(value) >= 10_000 ? Number(value / 1000) + "k" : Number(value);

    /// <summary>A whole number with thousands apart.</summary>
    public static string Count(double value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>"1 step", "40 steps".</summary>
    public static string Steps(double count) => Count(count) + (count == 1 ? " step" : " steps");

    /// <summary>"4 min 12 s" or "8.3 s".</summary>
    public static string Seconds(double seconds) => seconds < 60
        ? seconds.ToString("0.0", CultureInfo.InvariantCulture) + "\u00a0s"
            : seconds < 3600 ? $"{(int)seconds / 60}\u00a0min {(int)seconds % 60}\u00a0s"
        : $"{(int)seconds / 3600}\u00a0h {(int)seconds / 60 % 60}\u00a0min";
}
