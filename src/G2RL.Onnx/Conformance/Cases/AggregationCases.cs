using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Advantages;
using G2RL.Onnx.Algorithms.Losses;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Losses of tokens to one number, and whitening.</summary>
internal static class AggregationCases
{
    public static string? Run(GoldenCase c, Check check) => Run(c, check, "loss_mat", Profile.Named(ProfileOf(c)));

    public static string? Run(GoldenCase c, Check check, string matrix, Profile profile)
    {
        var mode = c.Text("mode", "");
        if (!Aggregations.All.TryGetValue(mode, out var aggregation))
            return $"aggregation '{mode}'";
        var (losses, mask) = (c.Input(matrix), c.Input("mask"));
        var scale = c.HasParameter("loss_scale_factor")
            ? c.Number("loss_scale_factor", 0)
            : c.HasParameter("scale") ? c.Number("scale", 0)
            : (double?)null;
        var groups = Groups(c, mask.Rows);
        var local = Aggregations.Count(mask.Floats, mask.Rows, scale, groups);
        var batch =
            local with { Tokens = c.Number("batch_num_tokens", local.Tokens), Sequences = c.Number("global_batch_size", local.Sequences) };
        var copies = (float)c.Number("dp_size", 1);
        float[] weights = [.. Aggregations.Weights(aggregation, mask.Floats, mask.Rows, batch, profile.SkipsMasked, Tokens(mask, groups))
            .Select(w => w * copies)];
        var (total, _) = ObjectiveRunner.Function(
            losses.Floats,
            (op, x) => PolicyLoss.Aggregate(op, x, op.Graph[PolicyLoss.Weights], profile.SkipsMasked || aggregation.Selects),
            (PolicyLoss.Weights, weights));
        check.Expected(c, null, total);
        return null;
    }

    public static string? Whiten(GoldenCase c, Check check)
    {
        var values = c.Input("x").Rounded;
        // OpenRLHF's variance is the population's.
        if (c.Upstream.Contains("openrlhf", StringComparison.OrdinalIgnoreCase)
            || c.Id.Contains("openrlhf", StringComparison.OrdinalIgnoreCase))
            GlobalWhitening.Apply(values, c.Input("mask").Values);
        else
            Whitening.Apply(values, c.Input("mask").Values);
        check.Expected(c, null, values);
        return null;
    }

    // Rows of each prompt as [first, end); every row for itself where a case does not say.
    private static int[] Groups(GoldenCase c, int rows)
    {
        var boundaries = c.List("prompt_boundaries") ?? [];
        var groups = Enumerable.Range(boundaries.Length, rows).ToArray();
        for (var g = 0; g + 1 < boundaries.Length; g += 2)
            for (var row = (int)boundaries[g]; row < (int)boundaries[g + 1]; row++)
                groups[row] = g;
        return groups;
    }

    private static double[] Tokens(Numbers mask, int[] groups)
    {
        double[] perRow =
            [.. Enumerable.Range(0, mask.Rows).Select(row => mask.Values.AsSpan(row * mask.Width, mask.Width).ToArray().Sum())];
        return [.. groups.Select(g => perRow.Where((_, row) => groups[row] == g).Sum())];
    }

    private static string ProfileOf(GoldenCase c)
    {
        foreach (var name in Profile.All.Keys)
            if (c.Upstream.Contains(name, StringComparison.OrdinalIgnoreCase))
                return name;
        return Profile.Default;
    }
}
