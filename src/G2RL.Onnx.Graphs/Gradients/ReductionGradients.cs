using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>Gradients of reductions.</summary>
internal static class ReductionGradients
{
    public static Value?[] ReduceSum(GradientContext g) => [g.Op.ExpandLike(Kept(g), g.Input(0)), null];

    // dX = dY / n, n the number of elements behind each mean.
    public static Value?[] ReduceMean(GradientContext g)
    {
        var x = g.Input(0);
        var axes = Axes(g);
        if (axes.Length == 0)
            return [g.DY, null];
        Value scaled;
        if (Shapes.Product(axes.Select(a => x.Shape[(int)a])) is { IsKnown: true } count)
            scaled = g.Op.Mul(Kept(g), g.Scalar(1.0 / count.Size));
        else
            scaled = g.Op.Div(
                Kept(g),
                g.Op.Cast(g.Op.Op("ReduceProd", [g.Op.Gather(g.Op.ShapeOf(x), g.Op.Ints(axes))], ("keepdims", 0L)), x.Type));
        return [g.Op.ExpandLike(scaled, x), null];
    }

    // dY with the reduced axes back as length 1.
    private static Value Kept(GradientContext g) =>
        g.Node.Int("keepdims", 1) != 0 || Axes(g).Length == 0 ? g.DY : g.Op.Unsqueeze(g.DY, Axes(g));

    private static long[] Axes(GradientContext g)
    {
        var rank = g.Input(0).Rank;
        var given = g.Node.Inputs.ElementAtOrDefault(1)?.Constant is { } data
            ? data.AsInt64().ToArray()
            : g.Node.Ints("axes")?.ToArray() ?? [];
        return given.Length == 0 && g.Node.Int("noop_with_empty_axes", 0) == 0
            ? [.. Enumerable.Range(0, rank).Select(i => (long)i)]
            : [.. given.Select(a => a < 0 ? a + rank : a).Order()];
    }
}
