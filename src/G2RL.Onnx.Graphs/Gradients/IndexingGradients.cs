using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>Gradients of look-ups: what was read from a place is added back there.</summary>
internal static class IndexingGradients
{
    public static Value?[] Gather(GradientContext g)
    {
        var (x, indices) = (g.Input(0), g.Input(1));
        var axis = ShapeRules.Axis(g.Node, g.Node.Int("axis", 0), x.Rank);
        if (axis != 0)
            throw new GraphException($"No gradient for Gather along axis {axis} (node '{g.Node.Name}'). Transpose first.");
        return [g.Op.Op("ScatterND", [g.Op.ZerosLike(x), g.Op.Unsqueeze(g.Op.Cast(indices, ElementType.Int64), indices.Rank), g.DY], ("reduction", "add")), null];
    }

    public static Value?[] GatherElements(GradientContext g) =>
        [g.Op.Op("ScatterElements", [g.Op.ZerosLike(g.Input(0)), g.Input(1), g.DY], ("axis", g.Node.Int("axis", 0)), ("reduction", "add")), null];
}
