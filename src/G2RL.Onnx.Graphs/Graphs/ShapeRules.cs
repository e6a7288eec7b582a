using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Graphs;

/// <summary>Type, shape and (for small int64 tensors) elements of one output.</summary>
internal readonly record struct Inferred(ElementType Type, IReadOnlyList<Dimension> Shape, IReadOnlyList<Dimension>? Elements = null);

/// <summary>Infers the outputs of a node from its inputs and attributes.</summary>
/// <param name="node">The node, without outputs yet.</param>
/// <param name="outputs">How many outputs it has.</param>
internal delegate Inferred[] ShapeRule(Node node, int outputs);

/// <summary>
/// Type and shape inference: the table is the list of operators that graphs here may hold. An operator outside it is an error that names
/// it. Source of every rule: the ONNX operator specification, opset 21, and ONNX Runtime's contrib operators.
/// </summary>
internal static class ShapeRules
{
    /// <summary>The rules, by domain-qualified operator.</summary>
    public static IReadOnlyDictionary<string, ShapeRule> All { get; } = new Dictionary<string, ShapeRule>(
        FusedShapes.All,
        StringComparer.Ordinal)
    {
        // elementwise, one input
        ["Abs"] = Same,
        ["Cos"] = Floating,
        ["Erf"] = Floating,
        ["Exp"] = Floating,
        ["Log"] = Floating,
        ["Neg"] = Same,
        ["Reciprocal"] = Floating,
        ["Relu"] = Same,
        ["Sigmoid"] = Floating,
        ["Sign"] = Same,
        ["Sin"] = Floating,
        ["Softplus"] = Floating,
        ["Sqrt"] = Floating,
        ["Tanh"] = Floating,
        ["Identity"] = Identity,
        ["Not"] = Logical,
        ["LogSoftmax"] = SoftmaxAlong,
        ["Softmax"] = SoftmaxAlong,
        ["CumSum"] = CumSum,
        ["Clip"] = Clip,
        ["Cast"] = Cast,
        ["DequantizeLinear"] = DequantizeLinear,
        ["IsNaN"] = ToBool,
        ["IsInf"] = ToBool,
        // elementwise, two inputs
        ["Add"] = Arithmetic,
        ["Sub"] = Arithmetic,
        ["Mul"] = Arithmetic,
        ["Div"] = Arithmetic,
        ["Pow"] = Pow,
        ["Max"] = Variadic,
        ["Min"] = Variadic,
        ["Sum"] = Variadic,
        ["Equal"] = Comparison,
        ["Greater"] = Comparison,
        ["GreaterOrEqual"] = Comparison,
        ["Less"] = Comparison,
        ["LessOrEqual"] = Comparison,
        ["And"] = Logical,
        ["Or"] = Logical,
        ["Where"] = Where,
        // products
        ["MatMul"] = MatMul,
        ["Gemm"] = Gemm,
        // reductions
        ["ReduceSum"] = Reduce,
        ["ReduceMean"] = Reduce,
        ["ReduceMax"] = Reduce,
        ["ReduceMin"] = Reduce,
        ["ReduceProd"] = Reduce,
        // shapes
        ["Shape"] = ShapeOf,
        ["Reshape"] = Reshape,
        ["Transpose"] = Transpose,
        ["Unsqueeze"] = Unsqueeze,
        ["Squeeze"] = Squeeze,
        ["Expand"] = Expand,
        ["Concat"] = Concat,
        ["Split"] = Split,
        ["Slice"] = Slice,
        ["ConstantOfShape"] = ConstantOfShape,
        ["Range"] = Range,
        ["Trilu"] = Trilu,
        ["Pad"] = Pad,
        // indexing
        ["Gather"] = Gather,
        ["GatherElements"] = GatherElements,
        ["ScatterElements"] = ScatterElements,
        ["ScatterND"] = ScatterND,
        ["OneHot"] = OneHot,
        ["TopK"] = TopK,
        // ONNX Runtime
        ["SimplifiedLayerNormalization"] = RmsNorm,
        ["com.microsoft::FusedMatMul"] = FusedMatMul,
        ["com.microsoft::GroupQueryAttention"] = GroupQueryAttention,
        ["com.microsoft::QuickGelu"] = Floating,
        ["com.microsoft::SkipSimplifiedLayerNormalization"] = SkipRmsNorm,
        ["com.microsoft::InPlaceAccumulatorV2"] = InPlaceAccumulator,
        ["com.microsoft::MatMulNBits"] = MatMulNBits,
    };

    /// <summary>Infers a node's outputs.</summary>
    /// <exception cref="GraphException">No rule for the operator, or its inputs conflict.</exception>
    public static Inferred[] Infer(Node node, int outputs)
    {
        var key = node.Domain.Length == 0 ? node.Op : $"{node.Domain}::{node.Op}";
        if (!All.TryGetValue(key, out var rule))
            throw new GraphException($"Operator '{key}' (node '{node.Name}') is unknown here. Add a shape rule to ShapeRules.");
        Inferred[] inferred;
        try
        {
            inferred = rule(node, outputs);
        }
        catch (OverflowException e)
        {
            throw new GraphException(Conflict(node, "has lengths beyond what can be reckoned with").Message, e);
        }
        return inferred.Length >= outputs ? inferred : throw Conflict(node, $"has {outputs} outputs; it gives {inferred.Length}");
    }

    internal static GraphException Conflict(Node node, string what) =>
        new($"{node.Op} '{node.Name}' {what}. Inputs: {string.Join(", ", node.Inputs.Select(i => i?.ToString() ?? "-"))}.");

    /// <summary>An axis in [-rank, rank) as one in [0, rank).</summary>
    internal static int Axis(Node node, long axis, int rank) =>
        axis >= -rank && axis < rank ? (int)(axis < 0 ? axis + rank : axis) : throw Conflict(node, $"has axis {axis}, outside rank {rank}");

    internal static Value In(Node node, int index) =>
        index < node.Inputs.Count && node.Inputs[index] is { } value ? value : throw Conflict(node, $"lacks input {index}");

    private static Value? Optional(Node node, int index) => index < node.Inputs.Count ? node.Inputs[index] : null;

    private static long[] Constants(Node node, int index) => In(node, index).Constant is { Type: ElementType.Int64, IsHere: true } data
        ? data.AsInt64().ToArray()
        : throw Conflict(node, $"needs input {index} as an int64 constant");

    private static Inferred[] Same(Node node, int outputs) => [new(In(node, 0).Type, In(node, 0).Shape)];

    private static Inferred[] Floating(Node node, int outputs) =>
        In(node, 0).Type.IsFloat() ? Same(node, outputs) : throw Conflict(node, "needs a floating type");

    private static Inferred[] Logical(Node node, int outputs)
    {
        if (node.Inputs.Any(i => i?.Type != ElementType.Bool))
            throw Conflict(node, "needs bool inputs");
        return node.Inputs.Count == 1 ? Same(node, outputs) : Comparison(node, outputs);
    }

    private static Inferred[] SoftmaxAlong(Node node, int outputs)
    {
        Axis(node, node.Int("axis", -1), In(node, 0).Rank);
        return Floating(node, outputs);
    }

    private static Inferred[] CumSum(Node node, int outputs)
    {
        if (In(node, 1).Type is not (ElementType.Int64 or ElementType.Int32) || In(node, 1).Rank > 1)
            throw Conflict(node, "needs one integer as its axis");
        return Same(node, outputs);
    }

    private static Inferred[] Trilu(Node node, int outputs) =>
        In(node, 0).Rank >= 2 ? Same(node, outputs) : throw Conflict(node, "needs matrices (rank 2 or more)");

    private static Inferred[] Identity(Node node, int outputs) => [new(In(node, 0).Type, In(node, 0).Shape, In(node, 0).KnownElements)];

    private static Inferred[] ToBool(Node node, int outputs) => [new(ElementType.Bool, In(node, 0).Shape)];

    private static Inferred[] Clip(Node node, int outputs)
    {
        for (var i = 1; i < 3; i++)
            if (Optional(node, i) is { } bound && (bound.Type != In(node, 0).Type || bound.Rank != 0))
                throw Conflict(node, "needs scalar bounds of its input's type");
        return Same(node, outputs);
    }

    // Per tensor, or in blocks along an axis: other forms are written nowhere here.
    private static Inferred[] DequantizeLinear(Node node, int outputs)
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

    private static Inferred[] Cast(Node node, int outputs)
    {
        var to = (ElementType)Math.Clamp(node.Int("to", 0), 0, int.MaxValue);
        return Enum.IsDefined(to)
            ? [new(to, In(node, 0).Shape, to is ElementType.Int64 or ElementType.Int32 ? In(node, 0).KnownElements : null)]
            : throw Conflict(node, $"casts to unknown type {(int)to}");
    }

    private static IReadOnlyList<Dimension> Common(Node node, params ReadOnlySpan<int> indices)
    {
        var shape = In(node, indices[0]).Shape;
        foreach (var i in indices[1..])
            shape = Shapes.Broadcast(shape, In(node, i).Shape) ?? throw Conflict(node, "has shapes that do not broadcast");
        return shape;
    }

    private static Inferred[] Arithmetic(Node node, int outputs)
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

    private static Inferred[] Pow(Node node, int outputs) => [new(In(node, 0).Type, Common(node, 0, 1))];

    private static Inferred[] Variadic(Node node, int outputs)
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

    private static Inferred[] Comparison(Node node, int outputs)
    {
        if (In(node, 0).Type != In(node, 1).Type)
            throw Conflict(node, "has inputs of different types");
        return [new(ElementType.Bool, Common(node, 0, 1))];
    }

    private static Inferred[] Where(Node node, int outputs)
    {
        if (In(node, 0).Type != ElementType.Bool || In(node, 1).Type != In(node, 2).Type)
            throw Conflict(node, "needs a bool condition and two values of one type");
        return [new(In(node, 1).Type, Common(node, 0, 1, 2))];
    }

    private static Inferred[] MatMul(Node node, int outputs)
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

    private static Inferred[] Gemm(Node node, int outputs)
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
    private static Inferred[] FusedMatMul(Node node, int outputs)
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
    private static Inferred[] RmsNorm(Node node, int outputs) => [new(In(node, 0).Type, Normed(node, In(node, 1)).Shape)];

    // x, skip, weights -> norm(x + skip), mean, inverse deviation, x + skip.
    private static Inferred[] SkipRmsNorm(Node node, int outputs)
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

    private static Inferred[] Reduce(Node node, int outputs)
    {
        var x = In(node, 0);
        var axes = Optional(node, 1) is null
            ? node.Ints("axes") ?? (node.Int("noop_with_empty_axes", 0) != 0 ? [] : [.. Enumerable.Range(0, x.Rank).Select(i => (long)i)])
            : Constants(node, 1);
        var reduced = axes.Select(a => Axis(node, a, x.Rank)).ToHashSet();
        var keep = node.Int("keepdims", 1) != 0;
        return [new(x.Type, [.. x.Shape.Select((d, i) => reduced.Contains(i) ? (keep ? 1 : (Dimension?)null) : d).OfType<Dimension>()])];
    }

    private static Inferred[] TopK(Node node, int outputs)
    {
        var (x, k) = (In(node, 0), In(node, 1));
        if (k.Type != ElementType.Int64 || k.Rank != 1)
            throw Conflict(node, "needs its count as one int64 [1]");
        var axis = Axis(node, node.Int("axis", -1), x.Rank);
        // How many there are may be known only when the graph runs.
        var count = k.KnownElements is [{ } known] ? known : Dimension.FromSymbol($"({node.Name})");
        Dimension[] shape = [.. x.Shape.Select((d, i) => i == axis ? count : d)];
        return [new(x.Type, shape), new(ElementType.Int64, shape)];
    }

    private static Inferred[] ShapeOf(Node node, int outputs)
    {
        var shape = In(node, 0).Shape;
        var start = (int)Math.Clamp(node.Int("start", 0) is < 0 and var s ? s + shape.Count : node.Int("start", 0), 0, shape.Count);
        var end = (int)Math.Clamp(
            node.Int("end", shape.Count) is < 0 and var e ? e + shape.Count : node.Int("end", shape.Count),
            start,
            shape.Count);
        return [new(ElementType.Int64, [end - start], [.. shape.Skip(start).Take(end - start)])];
    }

    private static Inferred[] Reshape(Node node, int outputs)
    {
        var x = In(node, 0);
        var allowZero = node.Int("allowzero", 0) != 0;
        Dimension?[] target;
        if (In(node, 1).KnownElements is { } known && (allowZero || !known.Any(d => d is { IsKnown: true, Size: 0 })))
            target = [.. known.Select(d => (Dimension?)d)];
        else
            target = [.. Constants(node, 1).Select((d, i) => d == -1
                ? null
                : d == 0 && !allowZero ? (i < x.Rank ? x.Shape[i] : throw Conflict(node, $"copies axis {i}, outside rank {x.Rank}"))
                : (Dimension?)Length(node, d))];
        if (target.Count(d => d is null) > 1)
            throw Conflict(node, "leaves more than one axis open (-1)");
        var total = Shapes.Product(x.Shape);
        var fixedPart = Shapes.Product(target.OfType<Dimension>());
        if (Array.FindIndex(target, d => d is null) is >= 0 and var open)
            target[open] = Dimension.Divide(total, fixedPart) ?? throw Conflict(node, $"cannot divide {total} elements by {fixedPart}");
        else if (total != fixedPart)
            throw Conflict(node, $"turns {total} elements into {fixedPart}");
        return [new(x.Type, [.. target.Select(d => d!.Value)], x.KnownElements)];
    }

    private static Inferred[] Transpose(Node node, int outputs)
    {
        var x = In(node, 0);
        var perm = node.Ints("perm") ?? [.. Enumerable.Range(0, x.Rank).Reverse().Select(i => (long)i)];
        if (!perm.Order().SequenceEqual(Enumerable.Range(0, x.Rank).Select(i => (long)i)))
            throw Conflict(node, $"has perm [{string.Join(", ", perm)}], no permutation of {x.Rank} axes");
        return [new(x.Type, [.. perm.Select(p => x.Shape[(int)p])])];
    }

    private static Inferred[] Unsqueeze(Node node, int outputs)
    {
        var x = In(node, 0);
        var axes = Constants(node, 1);
        var shape = new List<Dimension>(x.Shape);
        var places = axes.Select(a => Axis(node, a, x.Rank + axes.Length)).ToHashSet();
        if (places.Count != axes.Length)
            throw Conflict(node, "names an axis twice");
        foreach (var axis in places.Order())
            shape.Insert(axis, 1);
        return [new(x.Type, shape, x.KnownElements)];
    }

    private static Inferred[] Squeeze(Node node, int outputs)
    {
        var x = In(node, 0);
        var axes = Optional(node, 1) is null
            ? [.. Enumerable.Range(0, x.Rank).Where(i => x.Shape[i].IsOne)]
            : Constants(node, 1).Select(a => Axis(node, a, x.Rank)).ToHashSet();
        if (axes.FirstOrDefault(a => !x.Shape[a].IsOne, -1) is >= 0 and var wrong)
            throw Conflict(node, $"removes axis {wrong} of length {x.Shape[wrong]}");
        return [new(x.Type, [.. x.Shape.Where((_, i) => !axes.Contains(i))], x.KnownElements)];
    }

    private static Inferred[] Expand(Node node, int outputs)
    {
        var target = In(node, 1).KnownElements ?? throw Conflict(node, "expands to a shape that is not known");
        return [new(
            In(node, 0).Type,
            Shapes.Broadcast(In(node, 0).Shape, target) ?? throw Conflict(node, $"cannot expand to {Shapes.Text(target)}"))];
    }

    private static Inferred[] Concat(Node node, int outputs)
    {
        var first = In(node, 0);
        var axis = Axis(node, node.Int("axis", 0), first.Rank);
        var shape = first.Shape.ToArray();
        // Along another axis the elements would interleave.
        var elements = axis == 0 ? first.KnownElements?.ToList() : null;
        var lengths = new List<Dimension> { first.Shape[axis] };
        for (var i = 1; i < node.Inputs.Count; i++)
        {
            var x = In(node, i);
            if (x.Type != first.Type
                || x.Rank != first.Rank
                || Enumerable.Range(0, x.Rank).Any(d => d != axis && x.Shape[d] != first.Shape[d]))
                throw Conflict(node, $"has inputs that differ outside axis {axis}");
            lengths.Add(x.Shape[axis]);
            elements = elements is not null && x.KnownElements is { } more ? [.. elements, .. more] : null;
        }
        shape[axis] = Dimension.Sum(lengths);
        return [new(first.Type, shape, elements)];
    }

    private static Inferred[] Split(Node node, int outputs)
    {
        var x = In(node, 0);
        var axis = Axis(node, node.Int("axis", 0), x.Rank);
        long[] sizes;
        if (Optional(node, 1) is { Constant: null, KnownElements: { } computed })
            return computed.Count == outputs
                ? [.. computed.Select(d => new Inferred(x.Type, With(x.Shape, axis, d)))]
                : throw Conflict(node, $"has {outputs} outputs for {computed.Count} parts");
        if (Optional(node, 1) is not null)
            sizes = Constants(node, 1);
        else if (x.Shape[axis] is { IsKnown: true, Size: var size } && size % outputs == 0)
            sizes = [.. Enumerable.Repeat(size / outputs, outputs)];
        else
            throw Conflict(node, $"cannot divide axis {axis} into {outputs} equal parts");
        if (x.Shape[axis] is { IsKnown: true } known && known.Size != sizes.Sum())
            throw Conflict(node, $"splits {known} into {string.Join(" + ", sizes)}");
        if (sizes.Length != outputs)
            throw Conflict(node, $"has {outputs} outputs for {sizes.Length} parts");
        return [.. sizes.Select(s => new Inferred(x.Type, With(x.Shape, axis, Length(node, s))))];
    }

    private static Inferred[] Slice(Node node, int outputs)
    {
        var x = In(node, 0);
        var (starts, ends) = (Constants(node, 1), Constants(node, 2));
        var axes = Optional(node, 3) is null ? [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)] : Constants(node, 3);
        var steps = Optional(node, 4) is null ? [.. Enumerable.Repeat(1L, starts.Length)] : Constants(node, 4);
        if (ends.Length != starts.Length
            || axes.Length != starts.Length
            || steps.Length != starts.Length
            || steps.Any(s => s is 0 or long.MinValue))
            throw Conflict(node, "needs a start, an end, an axis and a step other than 0 for every axis it cuts");
        if (axes.Select(a => Axis(node, a, x.Rank)).Distinct().Count() != axes.Length)
            throw Conflict(node, "names an axis twice");
        var shape = x.Shape.ToArray();
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = Axis(node, axes[i], x.Rank);
            if (!shape[axis].IsKnown)
            {
                if (starts[i] != 0 || steps[i] != 1 || ends[i] < int.MaxValue)
                    shape[axis] = Dimension.FromSymbol($"({shape[axis].ToString().Replace('*', 'x')}[{starts[i]}:{ends[i]}:{steps[i]}])");
                continue;
            }
            var n = shape[axis].Size;
            long Bound(long v, long low, long high) => Math.Clamp(v < 0 ? v + n : v, low, high);
            var span = n == 0 ? 0
                : steps[i] > 0 ? Bound(ends[i], 0, n) - Bound(starts[i], 0, n)
                : Bound(starts[i], 0, n - 1) - (ends[i] < -n ? -1 : Bound(ends[i], -1, n - 1));
            shape[axis] = span <= 0 ? 0 : 1 + ((span - 1) / Math.Abs(steps[i]));
        }
        IReadOnlyList<Dimension>? elements = null;
        if (x.KnownElements is { } all && x.Rank == 1 && steps is [1] && shape[0].IsKnown)
            elements =
                [.. all.Skip((int)Math.Clamp(starts[0] < 0 ? starts[0] + all.Count : starts[0], 0, all.Count)).Take((int)shape[0].Size)];
        return [new(x.Type, shape, elements)];
    }

    private static Inferred[] Pad(Node node, int outputs)
    {
        var x = In(node, 0);
        var pads = Constants(node, 1);
        if (pads.Length != 2 * x.Rank || Optional(node, 3) is not null)
            throw Conflict(node, "needs a begin and an end for every axis");
        return [new(x.Type, [.. x.Shape.Select((d, i) => d.IsKnown
            ? Length(node, checked(d.Size + pads[i] + pads[i + x.Rank]))
            : pads[i] + pads[i + x.Rank] == 0 ? d
            : throw Conflict(node, $"pads axis {i} of unknown length"))])];
    }

    private static Inferred[] ConstantOfShape(Node node, int outputs)
    {
        var shape = In(node, 0).KnownElements ?? throw Conflict(node, "fills a shape that is not known");
        if (!node.Attributes.TryGetValue("value", out var value))
            return [new(ElementType.Float32, shape)];
        return value.Tensor is { Count: 1, IsHere: true } one
            ? [new(one.Type, shape)]
            : throw Conflict(node, "fills with something other than one element");
    }

    private static Inferred[] Range(Node node, int outputs)
    {
        var (start, limit, delta) = (In(node, 0).KnownElements, In(node, 1).KnownElements, In(node, 2).KnownElements);
        var counted = start is [{ IsKnown: true, Size: 0 }] && delta is [{ IsOne: true }] && limit is [_];
        return [new(In(node, 0).Type, [counted ? limit![0] : Dimension.FromSymbol($"({node.Name})")])];
    }

    private static Inferred[] Gather(Node node, int outputs)
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

    private static Inferred[] GatherElements(Node node, int outputs)
    {
        var (x, indices) = (In(node, 0), In(node, 1));
        if (x.Rank != indices.Rank || indices.Type is not (ElementType.Int64 or ElementType.Int32))
            throw Conflict(node, "needs integer indices of its input's rank");
        Axis(node, node.Int("axis", 0), x.Rank);
        return [new(x.Type, indices.Shape)];
    }

    private static Inferred[] ScatterElements(Node node, int outputs)
    {
        if (!Shapes.Same(In(node, 1).Shape, In(node, 2).Shape) || In(node, 2).Type != In(node, 0).Type)
            throw Conflict(node, "needs updates of its input's type in the shape of the indices");
        GatherElements(node, outputs);
        return Same(node, outputs);
    }

    // data [D0, ...], indices [..., k], updates [..., Dk, ...]
    private static Inferred[] ScatterND(Node node, int outputs)
    {
        var (x, indices, updates) = (In(node, 0), In(node, 1), In(node, 2));
        if (indices.Type != ElementType.Int64 || indices.Rank == 0 || !indices.Shape[^1].IsKnown || indices.Shape[^1].Size > x.Rank)
            throw Conflict(node, $"needs int64 indices whose last axis counts at most {x.Rank} coordinates");
        Dimension[] expected = [.. indices.Shape.Take(indices.Rank - 1), .. x.Shape.Skip((int)indices.Shape[^1].Size)];
        if (updates.Type != x.Type || !Shapes.Same(updates.Shape, expected))
            throw Conflict(node, $"needs updates {x.Type}{Shapes.Text(expected)}");
        return Same(node, outputs);
    }

    private static Inferred[] OneHot(Node node, int outputs)
    {
        var depth = In(node, 1).KnownElements is [var d] ? d : throw Conflict(node, "needs a known depth");
        var shape = In(node, 0).Shape.ToList();
        shape.Insert(Axis(node, node.Int("axis", -1), shape.Count + 1), depth);
        return [new(In(node, 2).Type, shape)];
    }

    // A [..., K], codes uint8 [N, blocks, bytes of a block], scales [N * blocks] (or in two axes), zero points -> [..., N]
    private static Inferred[] MatMulNBits(Node node, int outputs)
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
    private static Inferred[] GroupQueryAttention(Node node, int outputs)
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

    private static Dimension Length(Node node, long size) => size >= 0 ? size : throw Conflict(node, $"gives an axis the length {size}");

    // buffer, gradient, overwrite [1] -> done [1]. The runtime copies or adds without comparing shapes, so they are compared here.
    private static Inferred[] InPlaceAccumulator(Node node, int outputs)
    {
        var (buffer, gradient, overwrite) = (In(node, 0), In(node, 1), In(node, 2));
        if (gradient.Type != buffer.Type || !Shapes.Same(gradient.Shape, buffer.Shape))
            throw Conflict(node, "accumulates a gradient of another type or shape than its buffer has");
        if (overwrite.Type != ElementType.Bool || !Shapes.Same(overwrite.Shape, [1]))
            throw Conflict(node, "needs a bool [1] that says whether to overwrite");
        return [new(ElementType.Bool, [1])];
    }

    private static Dimension[] With(IReadOnlyList<Dimension> shape, int axis, Dimension size)
    {
        var copy = shape.ToArray();
        copy[axis] = size;
        return copy;
    }
}
