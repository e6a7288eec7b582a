using static G2RL.Onnx.Graphs.ShapeRules;

namespace G2RL.Onnx.Graphs.Inference;

/// <summary>Products, norms, attention, and what else ONNX Runtime adds to ONNX.</summary>
internal static class ProductShapes
{
    public static Inferred[] MatMul(Node node, int outputs)
    {
        var (a, b) = (In(node, 0), In(node, 1));
        if (a.Type != b.Type)
            throw Conflict(node, "has inputs of different types");
        if (a.Rank < 2 || b.Rank < 2)
            throw Conflict(node, "needs matrices (rank 2 or more)");
        if (a.Shape[^1] != b.Shape[^2])
            throw Conflict(node, $"has inner lengths {a.Shape[^1]} and {b.Shape[^2]}");
        var batch = Shapes.Broadcast([.. a.Shape.Take(a.Rank - 2)], [.. b.Shape.Take(b.Rank - 2)])
            ?? throw Conflict(node, "has batch axes that do not broadcast");
        return [new(a.Type, [.. batch, a.Shape[^2], b.Shape[^1]])];
    }

    public static Inferred[] Gemm(Node node, int outputs)
    {
        var (a, b) = (In(node, 0), In(node, 1));
        if (a.Rank != 2 || b.Rank != 2 || a.Type != b.Type)
            throw Conflict(node, "needs two matrices of one type");
        var (ta, tb) = (node.Int("transA", 0) != 0, node.Int("transB", 0) != 0);
        var (m, k) = ta ? (a.Shape[1], a.Shape[0]) : (a.Shape[0], a.Shape[1]);
        var (k2, n) = tb ? (b.Shape[1], b.Shape[0]) : (b.Shape[0], b.Shape[1]);
        if (k != k2)
            throw Conflict(node, $"has inner lengths {k} and {k2}");
        if (Optional(node, 2) is { } c && (Shapes.Broadcast(c.Shape, [m, n]) is not { } both || !Shapes.Same(both, [m, n])))
            throw Conflict(node, $"adds a bias that does not broadcast to {Shapes.Text([m, n])}");
        return [new(a.Type, [m, n])];
    }

    // A [.., m, k] and a matrix B [k, n], or [n, k] where transB says so -> [.., m, n]. The operator knows more; no graph here uses it.
    public static Inferred[] FusedMatMul(Node node, int outputs)
    {
        var (a, b) = (In(node, 0), In(node, 1));
        if (a.Type != b.Type || a.Rank < 2 || b.Rank != 2 || node.Int("transA", 0) != 0)
            throw Conflict(node, "needs values of one type and a matrix on the right");
        var (k, n) = node.Int("transB", 0) != 0 ? (b.Shape[1], b.Shape[0]) : (b.Shape[0], b.Shape[1]);
        if (a.Shape[^1] != k)
            throw Conflict(node, $"has inner lengths {a.Shape[^1]} and {k}");
        return [new(a.Type, With(a.Shape, a.Rank - 1, n))];
    }

    // x and weights over its last axis -> x's shape.
    public static Inferred[] RmsNorm(Node node, int outputs) => [new(In(node, 0).Type, Normed(node, In(node, 1)).Shape)];

    // x, skip, weights -> norm(x + skip), mean, inverse deviation, x + skip.
    public static Inferred[] SkipRmsNorm(Node node, int outputs)
    {
        var x = Normed(node, In(node, 2));
        if (!Shapes.Same(x.Shape, In(node, 1).Shape) || In(node, 1).Type != x.Type)
            throw Conflict(node, "adds a value of another shape or type");
        var statistics = With(x.Shape, x.Rank - 1, 1);
        return
        [
            new(x.Type, x.Shape), new(ElementType.Float32, statistics), new(ElementType.Float32, statistics), new(x.Type, x.Shape),
        ];
    }

    private static Value Normed(Node node, Value weights) =>
        weights.Type == In(node, 0).Type && weights.Rank == 1 && weights.Shape[0] == In(node, 0).Shape[^1]
            ? In(node, 0)
            : throw Conflict(node, "has weights that do not fit the last axis");

    // A [..., K], codes uint8 [N, blocks, bytes of a block], scales [N * blocks] (or in two axes), zero points -> [..., N]
    public static Inferred[] MatMulNBits(Node node, int outputs)
    {
        var (a, codes, scales) = (In(node, 0), In(node, 1), In(node, 2));
        var (inner, outer, bits, block) = (node.Int("K", 0), node.Int("N", 0), node.Int("bits", 4), node.Int("block_size", 0));
        if (inner <= 0 || outer <= 0 || bits is < 2 or > 8 || block is < 16 or > (1 << 20))
            throw Conflict(node, $"has K {inner}, N {outer}, {bits} bits and blocks of {block}");
        var blocks = (inner / block) + (inner % block == 0 ? 0 : 1);
        if (!a.Type.IsFloat() || a.Rank == 0 || a.Shape[^1] != inner)
            throw Conflict(node, $"needs floating rows of {inner}");
        if (codes.Type != ElementType.UInt8
            || Shapes.Product(codes.Shape) != checked(outer * blocks * (block * bits / 8))
            || Shapes.Product(scales.Shape) != checked(outer * blocks))
            throw Conflict(node, $"needs {outer} x {blocks} blocks of {block * bits / 8} bytes and as many scales");
        return [new(a.Type, With(a.Shape, a.Rank - 1, outer))];
    }

    // query [B, S, heads*width], key and value [B, S, kv*width] or left out and packed behind the queries, past [B, kv, C, width] ->
    // attention [B, S, heads*width], present = past's shape (the cache has its full capacity C; ONNX Runtime writes into it in
    // place), or [B, kv, T, width] where the total length T is computed from another input (the cache grows).
    public static Inferred[] GroupQueryAttention(Node node, int outputs)
    {
        var (query, key, value, pastKey, pastValue) =
            (In(node, 0), Optional(node, 1), Optional(node, 2), In(node, 3), In(node, 4));
        var (heads, kv) = (node.Int("num_heads", 0), node.Int("kv_num_heads", 0));
        if (heads <= 0 || kv <= 0 || heads % kv != 0)
            throw Conflict(node, $"has {heads} heads and {kv} key/value heads");
        // Without keys and values the first input holds all three.
        var width = pastKey.Rank == 4 ? pastKey.Shape[3] : 0;
        if (query.Rank != 3
            || (key is null) != (value is null)
            || !Shapes.Same(pastKey.Shape, pastValue.Shape)
            || pastKey.Rank != 4
            || pastKey.Shape[1] != kv
            || (key is not null && (key.Rank != 3 || !Shapes.Same(key.Shape, value!.Shape) || width * kv != key.Shape[2]))
            || width * (key is null ? heads + (2 * kv) : heads) != query.Shape[2])
            throw Conflict(node, "has queries, keys, values and a cache that do not fit together");
        IReadOnlyList<Dimension> present = Optional(node, 6)?.KnownElements is [var total] ? With(pastKey.Shape, 2, total) : pastKey.Shape;
        return [new(query.Type, With(query.Shape, 2, width * heads)), new(query.Type, present), new(query.Type, present)];
    }

    // buffer, gradient, overwrite [1] -> done [1]. The runtime copies or adds without comparing shapes, so they are compared here.
    public static Inferred[] InPlaceAccumulator(Node node, int outputs)
    {
        var (buffer, gradient, overwrite) = (In(node, 0), In(node, 1), In(node, 2));
        if (gradient.Type != buffer.Type || !Shapes.Same(gradient.Shape, buffer.Shape))
            throw Conflict(node, "accumulates a gradient of another type or shape than its buffer has");
        if (overwrite.Type != ElementType.Bool || !Shapes.Same(overwrite.Shape, [1]))
            throw Conflict(node, "needs a bool [1] that says whether to overwrite");
        return [new(ElementType.Bool, [1])];
    }
}
