using static G2RL.Onnx.Graphs.Inference.ElementwiseShapes;
using static G2RL.Onnx.Graphs.ShapeRules;

namespace G2RL.Onnx.Graphs.Inference;

/// <summary>Look-ups by index.</summary>
internal static class IndexingShapes
{
    public static Inferred[] Gather(Node node, int outputs)
    {
        var (x, indices) = (In(node, 0), In(node, 1));
        var axis = Axis(node, node.Int("axis", 0), x.Rank);
        if (indices.Type is not (ElementType.Int64 or ElementType.Int32))
            throw Conflict(node, "needs integer indices");
        IReadOnlyList<Dimension>? elements = null;
        if (x.KnownElements is { } all && x.Rank == 1 && indices.Constant is { Type: ElementType.Int64, IsHere: true } data)
            elements = [.. data.AsInt64().ToArray().Select(i => all[(int)Axis(node, i, all.Count)])];
        return [new(x.Type, [.. x.Shape.Take(axis), .. indices.Shape, .. x.Shape.Skip(axis + 1)], elements)];
    }

    public static Inferred[] GatherElements(Node node, int outputs)
    {
        var (x, indices) = (In(node, 0), In(node, 1));
        if (x.Rank != indices.Rank || indices.Type is not (ElementType.Int64 or ElementType.Int32))
            throw Conflict(node, "needs integer indices of its input's rank");
        Axis(node, node.Int("axis", 0), x.Rank);
        return [new(x.Type, indices.Shape)];
    }

    public static Inferred[] ScatterElements(Node node, int outputs)
    {
        if (!Shapes.Same(In(node, 1).Shape, In(node, 2).Shape) || In(node, 2).Type != In(node, 0).Type)
            throw Conflict(node, "needs updates of its input's type in the shape of the indices");
        GatherElements(node, outputs);
        return Same(node, outputs);
    }

    // data [D0, ...], indices [..., k], updates [..., Dk, ...]
    public static Inferred[] ScatterND(Node node, int outputs)
    {
        var (x, indices, updates) = (In(node, 0), In(node, 1), In(node, 2));
        if (indices.Type != ElementType.Int64 || indices.Rank == 0 || !indices.Shape[^1].IsKnown || indices.Shape[^1].Size > x.Rank)
            throw Conflict(node, $"needs int64 indices whose last axis counts at most {x.Rank} coordinates");
        Dimension[] expected = [.. indices.Shape.Take(indices.Rank - 1), .. x.Shape.Skip((int)indices.Shape[^1].Size)];
        if (updates.Type != x.Type || !Shapes.Same(updates.Shape, expected))
            throw Conflict(node, $"needs updates {x.Type}{Shapes.Text(expected)}");
        return Same(node, outputs);
    }

    public static Inferred[] OneHot(Node node, int outputs)
    {
        var depth = In(node, 1).KnownElements is [var d] ? d : throw Conflict(node, "needs a known depth");
        var shape = In(node, 0).Shape.ToList();
        shape.Insert(Axis(node, node.Int("axis", -1), shape.Count + 1), depth);
        return [new(In(node, 2).Type, shape)];
    }
}
