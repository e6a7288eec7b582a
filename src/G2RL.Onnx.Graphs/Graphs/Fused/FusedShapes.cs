namespace G2RL.Onnx.Graphs.Fused;

/// <summary>
/// Types and shapes of <see cref="FusedOperators"/>: all are of float32, those that devices have kernels for also of bfloat16, and
/// broadcast nothing.
/// </summary>
internal static class FusedShapes
{
    /// <summary>The rules, by operator.</summary>
    public static IEnumerable<KeyValuePair<string, ShapeRule>> All =>
    [
        Rule("RmsNorm", RmsNorm),
        Rule("RmsNormGrad", RmsNormGrad),
        Rule(FusedOperators.GradientSum, GradientSum),
        Rule("Product", Product),
        Rule("RowProduct", RowProduct),
        Rule("RowProducts", (node, outputs) => [.. Enumerable.Range(1, outputs).Select(i => RowsTimes(node, i))]),
        Rule("Rows", Rows),
        Rule("RowsAdded", RowsAdded),
        Rule("Rotary", Rotary),
        Rule("GatedUnit", (node, _) => [Alike(node, 2)]),
        Rule("GatedUnitGrad", (node, _) => [Alike(node, 3), Alike(node, 3)]),
        Rule("CausalAttention", CausalAttention),
        Rule("CausalAttentionGrad", CausalAttentionGrad),
        Rule("CachedAttention", (node, _) => CachedAttention(node, ElementType.Float32)),
        Rule("CachedAttentionBFloat16", (node, _) => CachedAttention(node, ElementType.BFloat16)),
        Rule("CachedAttentionInt8", (node, _) => CachedAttention(node, ElementType.Int8)),
        Rule("TokenScores", TokenScores),
        Rule("TokenScoresGrad", TokenScoresGrad),
    ];

    private static KeyValuePair<string, ShapeRule> Rule(string name, ShapeRule rule) => new($"{FusedOperators.Domain}::{name}", rule);

    private static Inferred[] RmsNorm(Node node, int outputs)
    {
        var (x, w) = (Either(node, 0), Either(node, 1));
        RequireWeight(node, x, w);
        return [Like(x)];
    }

    private static Inferred[] RmsNormGrad(Node node, int outputs)
    {
        var (dy, x, w) = (Either(node, 0), Either(node, 1), Either(node, 2));
        RequireSame(node, dy, x);
        RequireWeight(node, x, w);
        return [Like(x), new(ElementType.Float32, w.Shape)];
    }

    private static Inferred[] GradientSum(Node node, int outputs)
    {
        var (sum, gradient) = (Float(node, 0), node.Inputs[1]!);
        if (gradient.Type != ElementType.BFloat16 || !Shapes.Same(sum.Shape, gradient.Shape))
            throw ShapeRules.Conflict(node, "needs a sum in float32 and a gradient of its shape in bfloat16");
        return [Like(sum)];
    }

    private static Inferred[] Product(Node node, int outputs)
    {
        var (a, b) = (Float(node, 0), Float(node, 1));
        if (a.Rank != 2 || b.Rank != 2)
            throw ShapeRules.Conflict(node, "needs matrices");
        var (turnA, turnB) = (node.Int("transA", 0) != 0, node.Int("transB", 0) != 0);
        Dimension rows = a.Shape[turnA ? 1 : 0], columns = b.Shape[turnB ? 0 : 1];
        if (a.Shape[turnA ? 0 : 1] != b.Shape[turnB ? 1 : 0])
            throw ShapeRules.Conflict(node, "needs as many columns of A as rows of B");
        if (node.Inputs.ElementAtOrDefault(2) is { } c && !Shapes.Same(c.Shape, [rows, columns]) && !Shapes.Same(c.Shape, [columns]))
            throw ShapeRules.Conflict(node, "needs C as [M, N] or [N]");
        return [new(ElementType.Float32, [rows, columns])];
    }

    private static Inferred[] RowProduct(Node node, int outputs)
    {
        var y = RowsTimes(node, 1);
        if (node.Inputs.ElementAtOrDefault(2) is { } c && !Shapes.Same(c.Shape, y.Shape) && !Shapes.Same(c.Shape, [y.Shape[1]]))
            throw ShapeRules.Conflict(node, "needs c as [R, N] or [N]");
        return [y];
    }

    private static Inferred RowsTimes(Node node, int weight)
    {
        var (x, w) = (Float(node, 0), ShapeRules.In(node, weight));
        if (w.Type is not (ElementType.Float32 or ElementType.BFloat16))
            throw ShapeRules.Conflict(node, "needs W in float32 or bfloat16");
        return x.Rank == 2 && w.Rank == 2 && x.Shape[1] == w.Shape[1]
            ? new(ElementType.Float32, [x.Shape[0], w.Shape[0]])
            : throw ShapeRules.Conflict(node, "needs x [R, K] and W [N, K]");
    }

    private static Inferred[] Rows(Node node, int outputs)
    {
        var (x, numbers) = (Float(node, 0), ShapeRules.In(node, 1));
        if (x.Rank != 2 || numbers is not { Type: ElementType.Int64, Rank: 1 })
            throw ShapeRules.Conflict(node, "needs a matrix and an int64 vector");
        return [new(ElementType.Float32, [numbers.Shape[0], x.Shape[1]])];
    }

    private static Inferred[] RowsAdded(Node node, int outputs)
    {
        var taken = Rows(node, 1)[0];
        if (!Shapes.Same(Float(node, 2).Shape, taken.Shape))
            throw ShapeRules.Conflict(node, "needs a row for every number");
        return [Like(Float(node, 0))];
    }

    private static Inferred[] Rotary(Node node, int outputs)
    {
        var (x, cos, sin) = (Either(node, 0), Float(node, 1), Float(node, 2));
        RequireSame(node, sin, cos);
        if (x.Rank != 4 || cos.Rank != 4 || cos.Shape[2] != 1)
            throw ShapeRules.Conflict(node, "needs [B, T, H, d] and [B, T, 1, r / 2]");
        return [Like(x)];
    }

    private static Inferred[] CausalAttention(Node node, int outputs)
    {
        var (q, k, v, mask) = (Either(node, 0), Either(node, 1), Either(node, 2), ShapeRules.In(node, 3));
        RequireHeads(node, q, k, v, mask);
        RequireSegments(node, 4);
        return
        [
            new(q.Type, [q.Shape[0] * q.Shape[1], q.Shape[2] * q.Shape[3]]),
            new(ElementType.Float32, [q.Shape[0], q.Shape[2], q.Shape[1]]),
        ];
    }

    private static Inferred[] CachedAttention(Node node, ElementType type)
    {
        var (q, k, v, keys, values) = (Float(node, 0), Float(node, 1), Float(node, 2), ShapeRules.In(node, 3), ShapeRules.In(node, 4));
        RequireSame(node, v, k);
        RequireSame(node, values, keys);
        if (q.Type != k.Type || k.Type != v.Type)
            throw ShapeRules.Conflict(node, "needs queries, keys and values of one type");
        if (q.Rank != 4 || k.Rank != 4 || keys.Rank != 4 || q.Shape[3] != k.Shape[3] || keys.Shape[1] != k.Shape[2]
            || keys.Type != type || values.Type != type || ShapeRules.In(node, 5) is not { Type: ElementType.Int32, Rank: 1 })
            throw ShapeRules.Conflict(
                node,
                $"needs queries [B, S, H, d], new keys [B, S, K, d], a cache [B, K, C, w] of {type} and int32 ends [B]");
        Inferred mixed = new(ElementType.Float32, [q.Shape[0] * q.Shape[1], q.Shape[2] * q.Shape[3]]);
        Inferred numbers = new(type, keys.Shape);
        if (type != ElementType.Int8)
            return [mixed, numbers, numbers];
        Inferred scales = new(ElementType.Float32, [.. keys.Shape.Take(3), 1]);
        for (var i = 6; i < 8; i++)
            if (!Shapes.Same(Float(node, i).Shape, scales.Shape))
                throw ShapeRules.Conflict(node, "needs scales [B, K, C, 1] of a cache in 8 bits");
        return [mixed, numbers, numbers, scales, scales];
    }

    private static Inferred[] CausalAttentionGrad(Node node, int outputs)
    {
        var (q, k, v, mask) = (Either(node, 1), Either(node, 2), Either(node, 3), ShapeRules.In(node, 4));
        RequireHeads(node, q, k, v, mask);
        RequireSegments(node, 7);
        return [new(q.Type, q.Shape), new(k.Type, k.Shape), new(v.Type, v.Shape)];
    }

    private static Inferred[] TokenScores(Node node, int outputs)
    {
        Inferred row = new(ElementType.Float32, ShapeRules.In(node, 1).Shape);
        RequireTargets(node);
        return [row, row, row];
    }

    private static Inferred[] TokenScoresGrad(Node node, int outputs)
    {
        RequireTargets(node);
        for (var i = 2; i < node.Inputs.Count; i++)
            RequireSame(node, Float(node, i), ShapeRules.In(node, 1));
        return [Like(Float(node, 0))];
    }

    private static Inferred Alike(Node node, int inputs)
    {
        for (var i = 1; i < inputs; i++)
            RequireSame(node, Either(node, i), Either(node, 0));
        return Like(Either(node, 0));
    }

    private static Inferred Like(Value value) => new(value.Type, value.Shape);

    private static Value Float(Node node, int index) =>
        ShapeRules.In(node, index) is { Type: ElementType.Float32 } value
            ? value
            : throw ShapeRules.Conflict(node, $"needs float32 input {index}");

    // Narrow where products are: on devices.
    private static Value Either(Node node, int index) =>
        ShapeRules.In(node, index) is { Type: ElementType.Float32 or ElementType.BFloat16 } value
            ? value
            : throw ShapeRules.Conflict(node, $"needs float32 or bfloat16 input {index}");

    private static void RequireSame(Node node, Value a, Value b)
    {
        if (!Shapes.Same(a.Shape, b.Shape))
            throw ShapeRules.Conflict(node, $"needs '{a.Name}' in the shape of '{b.Name}'");
    }

    private static void RequireHeads(Node node, Value q, Value k, Value v, Value mask)
    {
        RequireSame(node, v, k);
        if (q.Rank != 4 || k.Rank != 4 || q.Shape[3] != k.Shape[3] || mask is not { Type: ElementType.Int64, Rank: 2 })
            throw ShapeRules.Conflict(node, "needs queries [B, T, H, d], keys [B, T, K, d] and an int64 mask [B, T]");
    }

    private static void RequireSegments(Node node, int index)
    {
        if (node.Inputs.ElementAtOrDefault(index) is { } s && (s is not { Type: ElementType.Int64, Rank: 2 } || s.Shape[1] != 2))
            throw ShapeRules.Conflict(node, "needs int64 segments [S, 2]");
    }

    private static void RequireTargets(Node node)
    {
        if (Float(node, 0).Rank != 2 || ShapeRules.In(node, 1) is not { Type: ElementType.Int64, Rank: 1 })
            throw ShapeRules.Conflict(node, "needs logits [R, V] and int64 targets [R]");
    }

    private static void RequireWeight(Node node, Value x, Value w)
    {
        if (x.Rank == 0 || w.Rank != 1 || x.Shape[^1] != w.Shape[0])
            throw ShapeRules.Conflict(node, "needs a weight as long as the last axis");
    }
}
