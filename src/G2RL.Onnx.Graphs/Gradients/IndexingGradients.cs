using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>Gradients of look-ups: what was read from a place is added back there.</summary>
internal static class IndexingGradients
{
    // The indices as one axis; then they and dY are an element-wise scatter along it. (A ScatterND would move whole rows, but ONNX
    // Runtime's CPU kernel shares its additions among threads without a lock, and loses some where an index comes twice; ScatterElements is
    // sequential.)
    public static Value?[] Gather(GradientContext g)
    {
        var (x, indices, dy) = (g.Input(0), g.Input(1), g.DY);
        var axis = ShapeRules.Axis(g.Node, g.Node.Int("axis", 0), x.Rank);
        if (indices.Rank != 1)
        {
            indices = g.Op.Reshape(indices, -1);
            var shape = g.Op.ShapeOf(x);
            dy = g.Op.Reshape(
                dy,
                g.Op.Concat(0, g.Op.Slice(shape, 0, 0, axis), g.Op.ShapeOf(indices), g.Op.Slice(shape, 0, axis + 1, x.Rank)));
        }
        if (x.Rank > 1)
            indices = g.Op.ExpandLike(
                g.Op.Unsqueeze(indices, [.. Enumerable.Range(0, x.Rank).Where(i => i != axis).Select(i => (long)i)]),
                dy);
        return [g.Op.Op("ScatterElements", [g.Op.ZerosLike(x), indices, dy], ("axis", (long)axis), ("reduction", "add")), null];
    }

    public static Value?[] GatherElements(GradientContext g) =>
        [g.Op.Op("ScatterElements", [g.Op.ZerosLike(g.Input(0)), g.Input(1), g.DY], ("axis", g.Node.Int("axis", 0)), ("reduction", "add")),
            null];
}
