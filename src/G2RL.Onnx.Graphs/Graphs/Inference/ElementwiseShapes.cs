using static G2RL.Onnx.Graphs.ShapeRules;

namespace G2RL.Onnx.Graphs.Inference;

/// <summary>Operators that go element by element, and what they broadcast.</summary>
internal static class ElementwiseShapes
{
    public static Inferred[] Same(Node node, int outputs) => [new(In(node, 0).Type, In(node, 0).Shape)];

    public static Inferred[] Floating(Node node, int outputs) =>
        In(node, 0).Type.IsFloat() ? Same(node, outputs) : throw Conflict(node, "needs a floating type");

    public static Inferred[] Logical(Node node, int outputs)
    {
        if (node.Inputs.Any(i => i?.Type != ElementType.Bool))
            throw Conflict(node, "needs bool inputs");
        return node.Inputs.Count == 1 ? Same(node, outputs) : Comparison(node, outputs);
    }

    public static Inferred[] SoftmaxAlong(Node node, int outputs)
    {
        Axis(node, node.Int("axis", -1), In(node, 0).Rank);
        return Floating(node, outputs);
    }

    public static Inferred[] CumSum(Node node, int outputs)
    {
        if (In(node, 1).Type is not (ElementType.Int64 or ElementType.Int32) || In(node, 1).Rank > 1)
            throw Conflict(node, "needs one integer as its axis");
        return Same(node, outputs);
    }

    public static Inferred[] Trilu(Node node, int outputs) =>
        In(node, 0).Rank >= 2 ? Same(node, outputs) : throw Conflict(node, "needs matrices (rank 2 or more)");

    public static Inferred[] Identity(Node node, int outputs) => [new(In(node, 0).Type, In(node, 0).Shape, In(node, 0).KnownElements)];

    public static Inferred[] ToBool(Node node, int outputs) => [new(ElementType.Bool, In(node, 0).Shape)];

    public static Inferred[] Clip(Node node, int outputs)
    {
        for (var i = 1; i < 3; i++)
            if (Optional(node, i) is { } bound && (bound.Type != In(node, 0).Type || bound.Rank != 0))
                throw Conflict(node, "needs scalar bounds of its input's type");
        return Same(node, outputs);
    }

    // Per tensor, or in blocks along an axis: other forms are written nowhere here.
    public static Inferred[] DequantizeLinear(Node node, int outputs)
    {
        var (x, scale) = (In(node, 0), In(node, 1));
        if (scale.Rank == 0)
            return [new(scale.Type, x.Shape)];
        var (axis, block) = (Axis(node, node.Int("axis", 1), x.Rank), node.Int("block_size", 0));
        var fits = block > 0 && scale.Rank == x.Rank && Enumerable.Range(0, x.Rank).All(i => i != axis
            ? scale.Shape[i] == x.Shape[i]
            : !x.Shape[i].IsKnown || !scale.Shape[i].IsKnown || scale.Shape[i].Size == (x.Shape[i].Size + block - 1) / block);
        return fits ? [new(scale.Type, x.Shape)] : throw Conflict(node, "has scales that do not fit its blocks");
    }

    public static Inferred[] Cast(Node node, int outputs)
    {
        var to = (ElementType)Math.Clamp(node.Int("to", 0), 0, int.MaxValue);
        return Enum.IsDefined(to)
            ? [new(to, In(node, 0).Shape, to is ElementType.Int64 or ElementType.Int32 ? In(node, 0).KnownElements : null)]
            : throw Conflict(node, $"casts to unknown type {(int)to}");
    }

    public static Inferred[] Arithmetic(Node node, int outputs)
    {
        if (In(node, 0).Type != In(node, 1).Type)
            throw Conflict(node, "has inputs of different types");
        return [new(In(node, 0).Type, Common(node, 0, 1), ElementsOf(node))];
    }

    // Lengths are added, multiplied and divided into parts; of one and many, the one goes with each.
    private static Dimension[]? ElementsOf(Node node)
    {
        // What is multiplied with 0 is 0, whatever it is.
        if (node.Op == "Mul"
            && In(node, 0) is { Rank: 1, KnownElements: null, Type: ElementType.Int64 } unknown
            && unknown.Shape[0].IsOne
            && In(node, 1).KnownElements is [{ IsKnown: true, Size: 0 }])
            return [0];
        if (In(node, 0) is not { Rank: <= 1, KnownElements: { Count: > 0 } a }
            || In(node, 1) is not { Rank: <= 1, KnownElements: { Count: > 0 } b })
            return null;
        var pairs = Enumerable.Range(0, Math.Max(a.Count, b.Count)).Select(i => (X: a[a.Count == 1 ? 0 : i], Y: b[b.Count == 1 ? 0 : i]));
        return node.Op switch
        {
            "Add" => [.. pairs.Select(p => p.X + p.Y)],
            "Mul" => [.. pairs.Select(p => p.X * p.Y)],
            "Div" when b.All(d => d is { IsKnown: true, Size: > 0 }) => [.. pairs.Select(p => Dimension.Floor(p.X, p.Y.Size))],
            _ => null,
        };
    }

    public static Inferred[] Pow(Node node, int outputs) => [new(In(node, 0).Type, Common(node, 0, 1))];

    public static Inferred[] Variadic(Node node, int outputs)
    {
        var shape = In(node, 0).Shape;
        for (var i = 1; i < node.Inputs.Count; i++)
        {
            if (In(node, i).Type != In(node, 0).Type)
                throw Conflict(node, "has inputs of different types");
            shape = Shapes.Broadcast(shape, In(node, i).Shape) ?? throw Conflict(node, "has shapes that do not broadcast");
        }
        return [new(In(node, 0).Type, shape)];
    }

    public static Inferred[] Comparison(Node node, int outputs)
    {
        if (In(node, 0).Type != In(node, 1).Type)
            throw Conflict(node, "has inputs of different types");
        return [new(ElementType.Bool, Common(node, 0, 1))];
    }

    public static Inferred[] Where(Node node, int outputs)
    {
        if (In(node, 0).Type != ElementType.Bool || In(node, 1).Type != In(node, 2).Type)
            throw Conflict(node, "needs a bool condition and two values of one type");
        return [new(In(node, 1).Type, Common(node, 0, 1, 2))];
    }
}
