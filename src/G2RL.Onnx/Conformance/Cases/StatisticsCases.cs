using G2RL.Onnx.Algorithms.Advantages;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Means, variances and deviations over what is not masked, or not missing: of everything, or along an axis.</summary>
internal static class StatisticsCases
{
    private static readonly string[] Names = ["masked_mean", "masked_sum", "masked_var", "nanmean", "nanstd", "nanmin", "nanmax"];
    private static readonly string[] Inputs = ["x", "values", "tensor"];

    /// <summary>Whether a case is one of these, by the word that says what is computed or by its id.</summary>
    public static bool Is(GoldenCase c) => NameOf(c) is not null && Inputs.Any(c.HasInput);

    public static string? Run(GoldenCase c, Check check)
    {
        var (name, x) = (NameOf(c)!, c.Input(Inputs.First(c.HasInput)));
        if (x.Rank > 2)
            return $"{name} of rank {x.Rank}";
        if (x.Rank != 0 && AxisOf(c) is { } given && (given != Math.Truncate(given) || given < -x.Rank || given >= x.Rank))
            return $"{name} along axis {given}";
        var mask = c.HasInput("mask") ? c.Input("mask").Values : [.. x.Values.Select(v => double.IsNaN(v) ? 0 : 1.0)];
        if (mask.Length != x.Values.Length)
            return $"{name} with a mask of another shape";
        var openRlhf = c.Upstream.Contains("openrlhf", StringComparison.OrdinalIgnoreCase)
            || c.Id.Contains("openrlhf", StringComparison.OrdinalIgnoreCase);
        check.Expected(c, null, [.. Slices(c, x).Select(slice =>
            Of(name, c, openRlhf, [.. slice.Select(i => x.Rounded[i])], [.. slice.Select(i => mask[i])]))]);
        return null;
    }

    private static double Of(string name, GoldenCase c, bool openRlhf, double[] values, double[] mask)
    {
        double[] there = [.. values.Where((_, i) => mask[i] != 0)];
        switch (name)
        {
            case "masked_sum":
                return values.Zip(mask, (v, m) => m == 0 ? 0 : v * m).Sum();
            case "masked_mean":
                // OpenRLHF adds nothing to the count.
                return openRlhf ? there.Sum() / there.Length : Whitening.Mean(values, mask);
            case "masked_var":
                return Whitening.Variance(values, mask, c.Flag("unbiased", true));
            case "nanstd":
                return there.Length < 2 ? double.NaN : Statistics.Of(there).Deviation;
            default:
                return there.Length == 0 ? double.NaN : name == "nanmin" ? there.Min() : name == "nanmax" ? there.Max() : there.Average();
        }
    }

    private static string? NameOf(GoldenCase c) =>
        Names.FirstOrDefault(n => c.Field("fn") == n || c.Field("algo") == n
            || c.Id.Split('/', ' ', ':').Any(part => part.StartsWith(n, StringComparison.Ordinal)));

    private static double? AxisOf(GoldenCase c)
    {
        foreach (var name in (ReadOnlySpan<string>)["axis", "dim"])
        {
            if (c.HasParameter(name) && c.List(name) is null)
                return c.Number(name, 0);
            if (c.HasInput(name) && c.Input(name).Rank == 0)
                return c.Input(name).Values[0];
        }
        return null;
    }

    // Indices of what is reduced to one number each.
    private static IEnumerable<int[]> Slices(GoldenCase c, Numbers x)
    {
        var axes = c.List("axis") ?? c.List("dim");
        if (axes is [var one])
            return Along(x, one);
        return axes is null && AxisOf(c) is { } axis ? Along(x, axis) : [[.. Enumerable.Range(0, x.Values.Length)]];
    }

    private static IEnumerable<int[]> Along(Numbers x, double axis)
    {
        if (x.Rank < 2)
            return [[.. Enumerable.Range(0, x.Values.Length)]];
        return axis is 1 or -1
            ? Enumerable.Range(0, x.Rows).Select(row => Enumerable.Range(row * x.Width, x.Width).ToArray())
            : Enumerable.Range(0, x.Width).Select(column => Enumerable.Range(0, x.Rows).Select(row => (row * x.Width) + column).ToArray());
    }
}
