using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>Gradients of operators that move elements.</summary>
internal static class ShapeGradients
{
    // Serves Unsqueeze and Squeeze too: the same elements in the input's shape.
    public static Value?[] Reshape(GradientContext g) => [g.Op.ReshapeLike(g.DY, g.Input(0)), null];

    public static Value?[] Transpose(GradientContext g)
    {
        var perm = g.Node.Ints("perm") ?? [.. Enumerable.Range(0, g.DY.Rank).Reverse().Select(i => (long)i)];
        var inverse = new long[perm.Count];
        for (var i = 0; i < inverse.Length; i++)
            inverse[perm[i]] = i;
        return [g.Op.Transpose(g.DY, inverse)];
    }

    // The engine sums over the stretched axes.
    public static Value?[] Expand(GradientContext g) => [g.DY, null];

    public static Value?[] Concat(GradientContext g)
    {
        var axis = ShapeRules.Axis(g.Node, g.Node.Int("axis", 0), g.DY.Rank);
        var sizes = g.Node.Inputs.Select(i => i!.Shape[axis]).ToArray();
        return sizes.All(s => s.IsKnown)
            ? g.Op.Split(g.DY, axis, [.. sizes.Select(s => s.Size)])
            : g.Op.Ops(
                "Split",
                sizes.Length,
                [g.DY, g.Op.Concat(0, [.. g.Node.Inputs.Select(i => g.Op.LengthOf(i!, axis))])],
                ("axis", (long)axis));
    }

    public static Value?[] Split(GradientContext g) =>
        [g.Op.Concat(g.Node.Int("axis", 0), [.. Enumerable.Range(0, g.Node.Outputs.Count).Select(g.DYOf)]), null];

    // Zeros before and after the slice, axis by axis.
    public static Value?[] Slice(GradientContext g)
    {
        var x = g.Input(0);
        long[] Constant(int input, long otherwise, int count) => g.Node.Inputs.ElementAtOrDefault(input)?.Constant is { } c
            ? c.AsInt64().ToArray()
            : [.. Enumerable.Range(0, count).Select(i => otherwise < 0 ? i : otherwise)];
        var starts = Constant(1, 0, 0);
        var axes = Constant(3, -1, starts.Length);
        if (Constant(4, 1, starts.Length).Any(s => s != 1))
            throw new GraphException($"No gradient for Slice with steps other than 1 (node '{g.Node.Name}').");
        var pads = new long[2 * x.Rank];
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = ShapeRules.Axis(g.Node, axes[i], x.Rank);
            if (!x.Shape[axis].IsKnown)
                throw new GraphException($"No gradient for Slice along an axis of unknown length (node '{g.Node.Name}').");
            var size = x.Shape[axis].Size;
            pads[axis] = Math.Clamp(starts[i] < 0 ? starts[i] + size : starts[i], 0, size);
            pads[axis + x.Rank] = size - pads[axis] - g.Y.Shape[axis].Size;
        }
        return [g.Op.Op("Pad", [g.DY, g.Op.Ints(pads)])];
    }
}
