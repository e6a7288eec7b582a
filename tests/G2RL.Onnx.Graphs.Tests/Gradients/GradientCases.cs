namespace G2RL.Onnx.Graphs.Tests.Gradients;

/// <summary>
/// Cases for every rule that lets gradients through, each with odd lengths, axes of length 1, empty axes and, where the operator
/// broadcasts, broadcasting.
/// </summary>
internal static class GradientCases
{
    private static readonly long[][] Shapes = [[3, 5], [], [1], [7, 1, 3], [0, 3]];

    private static readonly (long[] A, long[] B)[] Pairs =
    [
        ([3, 5], [3, 5]), ([3, 5], [5]), ([3, 1], [1, 5]), ([], [3, 5]), ([7, 1, 3], [1]), ([1, 1], [2, 3, 5]), ([1], [1, 1]),
        ([0, 5], [5]), ([0, 1], [1, 3]), ([1, 3], [0, 1]), ([], []),
    ];

    public static IReadOnlyList<GradientCase> All { get; } = [.. Unary(), .. Binary(), .. Several(), .. Products(), .. Reductions(),
        .. Softmaxes(), .. Moves(), .. Cuts(), .. Indexing()];

    private static IEnumerable<GradientCase> Unary()
    {
        foreach (var shape in Shapes)
        {
            foreach (var op in new[] { "Abs", "Cos", "Erf", "Exp", "Identity", "Neg", "Relu", "Sigmoid", "Sin", "Softplus", "Tanh" })
                yield return One(op, Text(shape), [new(shape)], (b, x) => b.Op(op, [x[0]]));
            foreach (var op in new[] { "Log", "Reciprocal", "Sqrt" })
                yield return One(op, Text(shape), [new(shape, 0.5, 2)], (b, x) => b.Op(op, [x[0]]));
            yield return One("Clip", Text(shape), [new(shape)], (b, x) => b.Clip(x[0], -0.5, 0.75));
            yield return One(
                "Clip",
                $"no lower bound {Text(shape)}",
                [new(shape)],
                (b, x) => b.Op("Clip", [x[0], null, b.Like(x[0], 0.25)]));
        }
        yield return One("Clip", "no bounds", [new([3])], (b, x) => b.Op("Clip", [x[0]]));
        yield return One(
            "Clip",
            "bounds that vary",
            [new([3, 5]), new([], -0.6, -0.4), new([], 0.4, 0.6)],
            (b, x) => b.Op("Clip", [x[0], x[1], x[2]]));
        // Through float32 a step of 1e-5 would drown; the other direction is exact.
        yield return One("Cast", "to the same type", [new([3, 5])], (b, x) => b.Op("Cast", [x[0]], ("to", (long)ElementType.Float64)));
        yield return One(
            "Cast",
            "a float and its whole part",
            [new([3, 5])],
            (b, x) => b.Mul(x[0], b.Cast(b.Cast(x[0], ElementType.Int64), ElementType.Float64)));
    }

    private static IEnumerable<GradientCase> Binary()
    {
        foreach (var (a, b) in Pairs)
        {
            var name = $"{Text(a)} with {Text(b)}";
            foreach (var op in new[] { "Add", "Sub", "Mul", "Max", "Min", "Sum" })
                yield return One(op, name, [new(a), new(b)], (g, x) => g.Op(op, [x[0], x[1]]));
            yield return One("Div", name, [new(a), new(b, 0.5, 2)], (g, x) => g.Div(x[0], x[1]));
            yield return One("Pow", name, [new(a, 0.5, 2), new(b)], (g, x) => g.Pow(x[0], x[1]));
            yield return One("Where", name, [new(a), new(b)], (g, x) => g.Where(g.Op("Greater", [x[0], x[1]]), x[0], x[1]));
        }
        foreach (var exponent in new[] { 2.0, 3, 1, -1.5 })
            yield return One("Pow", $"to the power {exponent}", [new([3, 5], 0.5, 2)], (g, x) => g.Pow(x[0], g.Like(x[0], exponent)));
        yield return One("Pow", "negative base, whole power", [new([3, 5], -2, -0.5)], (g, x) => g.Pow(x[0], g.Like(x[0], 3)));
        yield return One("Pow", "integer exponent", [new([3, 5], -2, -0.5)], (g, x) => g.Pow(x[0], g.Ints(3)));
        yield return One(
            "Pow",
            "square with more axes",
            [new([3])],
            (g, x) => g.Pow(x[0], g.Graph.Initializer("two", TensorData.Of([2.0], 1, 1))));
        yield return One("Mul", "of a value with itself", [new([3, 5])], (g, x) => g.Mul(x[0], x[0]));
    }

    private static IEnumerable<GradientCase> Several()
    {
        foreach (var op in new[] { "Max", "Min", "Sum" })
            yield return One(op, "of one", [new([3, 5])], (b, x) => b.Op(op, [x[0]]));
        yield return One("Sum", "of three", [new([3, 1]), new([5]), new([])], (b, x) => b.Op("Sum", [x[0], x[1], x[2]]));
        yield return One("Where", "a condition that stretches both", [new([3, 1], Known: true), new([5], Known: true)], (b, x) =>
            b.Where(b.Op("Greater", [
                b.Graph.Initializer("c", TensorData.Of([1.0, -1, 1, -1, -1, 1], 2, 3, 1)),
                b.Scalar(0, ElementType.Float64),
            ]), x[0], x[1]));
    }

    private static IEnumerable<GradientCase> Products()
    {
        foreach (var (a, b) in new (long[], long[])[]
        {
            ([3, 5], [5, 7]),
            ([1, 1], [1, 1]),
            ([2, 3, 5], [2, 5, 1]),
            ([2, 1, 3, 5], [3, 5, 2]),
            ([3, 5], [2, 5, 3]),
            ([1, 3, 5], [2, 5, 3]),
            ([0, 5], [5, 3]),
            ([3, 0], [0, 2]),
            ([0, 3, 5], [5, 2]),
        })
            yield return One("MatMul", $"{Text(a)} with {Text(b)}", [new(a), new(b)], (g, x) => g.MatMul(x[0], x[1]));
        foreach (var (m, k, n) in new[] { (3L, 5L, 7L), (1, 1, 1), (1, 5, 3), (0, 5, 3), (3, 0, 2) })
            foreach (var (ta, tb) in new[] { (false, false), (true, false), (false, true), (true, true) })
                yield return One(
                    "Gemm",
                    $"{m} {k} {n} transposed {ta} {tb}",
                    [new(ta ? [k, m] : [m, k]), new(tb ? [n, k] : [k, n])],
                    (g, x) => g.Gemm(x[0], x[1], null, ta, tb));
        foreach (var bias in new long[][] { [3, 7], [7], [3, 1], [1, 1], [] })
            yield return One(
                "Gemm",
                $"bias {Text(bias)}",
                [new([3, 5]), new([7, 5]), new(bias)],
                (g, x) => g.Gemm(x[0], x[1], x[2], transposeB: true));
        yield return One("Gemm", "bias of no rows", [new([0, 5]), new([5, 7]), new([7])], (g, x) => g.Gemm(x[0], x[1], x[2]));
    }

    private static IEnumerable<GradientCase> Reductions()
    {
        foreach (var op in new[] { "ReduceSum", "ReduceMean" })
            foreach (var (shape, axes) in new (long[], long[])[] { (
                [3, 5],
                [1]), ([3, 5], [-2]), ([2, 3, 5], [2, 0]), ([2, 3, 5], [1]), ([3, 1], [1]), ([1], [0]), ([0, 3], [1]), ([3, 5], []) })
                foreach (var keep in new[] { false, true })
                    yield return One(
                        op,
                        $"{Text(shape)} over {Text(axes)} kept {keep}",
                        [new(shape)],
                        (g, x) => g.Op(op, [x[0], g.Ints(axes)], ("keepdims", keep ? 1L : 0L), ("noop_with_empty_axes", 1L)));
        foreach (var op in new[] { "ReduceSum", "ReduceMean" })
        {
            yield return One(op, "over all axes", [new([3, 5])], (g, x) => g.Op(op, [x[0]], ("keepdims", 0L)));
            yield return One(op, "of a scalar", [new([])], (g, x) => g.Op(op, [x[0]]));
        }
        yield return One("ReduceSum", "over an empty axis", [new([3, 0])], (g, x) => g.ReduceSum(x[0], keepDims: false, 1));
    }

    private static IEnumerable<GradientCase> Softmaxes()
    {
        foreach (var op in new[] { "Softmax", "LogSoftmax" })
            foreach (var (shape, axis) in new (long[], long)[] { (
                [3, 5],
                -1), ([3, 5], 0), ([2, 3, 5], 1), ([3, 1], 1), ([1], 0), ([0, 5], 1), ([2, 3, 5], -3) })
                yield return One(op, $"{Text(shape)} along {axis}", [new(shape)], (g, x) => g.Op(op, [x[0]], ("axis", axis)));
        foreach (var op in new[] { "Softmax", "LogSoftmax" })
            yield return One(op, "along the last axis unsaid", [new([2, 3, 5])], (g, x) => g.Op(op, [x[0]]));
    }

    private static IEnumerable<GradientCase> Moves()
    {
        yield return One("Reshape", "[3, 5] to [5, 3]", [new([3, 5], Known: true)], (g, x) => g.Reshape(x[0], 5, -1));
        yield return One("Reshape", "flattened", [new([2, 3, 5])], (g, x) => g.Reshape(x[0], -1));
        yield return One("Reshape", "to a scalar", [new([1, 1])], (g, x) => g.Op("Reshape", [x[0], g.Ints()]));
        yield return One("Reshape", "empty", [new([0, 3])], (g, x) => g.Reshape(x[0], g.Op("Shape", [g.Transpose(x[0], 1, 0)])));
        foreach (var perm in new long[][] { [2, 0, 1], [1, 2, 0], [0, 2, 1], [2, 1, 0] })
            yield return One("Transpose", Text(perm), [new([2, 3, 5])], (g, x) => g.Transpose(x[0], perm));
        yield return One("Transpose", "by default", [new([2, 3, 5])], (g, x) => g.Op("Transpose", [x[0]]));
        yield return One("Transpose", "empty", [new([0, 1, 3])], (g, x) => g.Transpose(x[0], 1, 2, 0));
        foreach (var shape in Shapes)
            yield return One("Unsqueeze", Text(shape), [new(shape)], (g, x) => g.Unsqueeze(x[0], 0, -1));
        yield return One("Squeeze", "given axes", [new([1, 3, 1, 5])], (g, x) => g.Squeeze(x[0], -2, 0));
        yield return One("Squeeze", "all", [new([1, 3, 1], Known: true)], (g, x) => g.Op("Squeeze", [x[0]]));
        yield return One("Squeeze", "empty", [new([0, 1])], (g, x) => g.Squeeze(x[0], 1));
        foreach (var (shape, target) in new (long[], long[])[] { (
            [3, 1],
            [3, 5]), ([5], [2, 3, 5]), ([1], [7]), ([], [3]), ([3, 5], [1, 1]), ([1, 5], [0, 5]), ([0, 1], [0, 3]) })
            yield return One(
                "Expand",
                $"{Text(shape)} to {Text(target)}",
                [new(shape, Known: true)],
                (g, x) => g.Op("Expand", [x[0], g.Ints(target)]));
        yield return One("Expand", "to another's shape", [new([3, 1]), new([2, 3, 5])], (g, x) => g.Mul(g.ExpandLike(x[0], x[1]), x[1]));
    }

    private static IEnumerable<GradientCase> Cuts()
    {
        yield return One(
            "Concat",
            "last axis",
            [new([3, 2], Known: true), new([3, 1], Known: true), new([3, 4], Known: true)],
            (g, x) => g.Concat(-1, x));
        yield return One("Concat", "first axis, one empty", [new([2, 3], Known: true), new([0, 3], Known: true)], (g, x) => g.Concat(0, x));
        yield return One("Concat", "of one", [new([3, 5], Known: true)], (g, x) => g.Concat(0, x));
        yield return One("Concat", "of a value with itself", [new([3, 5], Known: true)], (g, x) => g.Concat(1, x[0], x[0]));
        yield return One("Concat", "of a value with itself along an open axis", [new([3, 5])], (g, x) => g.Concat(0, x[0], x[0]));
        yield return new("Split", "evenly", [new([5, 2])], (g, x) => g.SplitEvenly(x[0], 0, 3));
        yield return new(
            "Split",
            "evenly, fewer rows than parts, last part alone",
            [new([2, 2])],
            (g, x) => [g.SplitEvenly(x[0], 0, 3)[0]]);
        yield return One("Concat", "no rows", [new([0, 2], Known: true), new([0, 3], Known: true)], (g, x) => g.Concat(1, x));
        yield return new("Split", "unequal", [new([3, 6], Known: true)], (g, x) => g.Split(x[0], -1, 1, 2, 3));
        yield return new(
            "Split",
            "equal, first axis",
            [new([6, 1], Known: true)],
            (g, x) => g.Ops("Split", 3, [x[0]], ("axis", 0L), ("num_outputs", 3L)));
        yield return new("Split", "one part unused", [new([3, 6], Known: true)], (g, x) => [g.Split(x[0], 1, 1, 2, 3)[1]]);
        yield return new("Split", "an empty part and no rows", [new([0, 5], Known: true)], (g, x) => g.Split(x[0], 1, 5, 0));
        foreach (var (start, end) in new[] { (1L, 4L), (-3, -1), (0, long.MaxValue), (4, 2), (-100, 100) })
            yield return One("Slice", $"{start} to {end}", [new([3, 7], Known: true)], (g, x) => g.Slice(x[0], 1, start, end));
        yield return One(
            "Slice",
            "two axes",
            [new([3, 5, 7], Known: true)],
            (g, x) => g.Op("Slice", [x[0], g.Ints(1, -2), g.Ints(2, 7), g.Ints(0, -1)]));
        yield return One("Slice", "default axes", [new([3, 5], Known: true)], (g, x) => g.Op("Slice", [x[0], g.Ints(1, 2), g.Ints(3, 3)]));
        yield return One("Slice", "no rows", [new([0, 5], Known: true)], (g, x) => g.Slice(x[0], 1, 1, 3));
    }

    private static IEnumerable<GradientCase> Indexing()
    {
        yield return One("Gather", "rows, some twice", [new([4, 3])], (g, x) => g.Gather(x[0], g.Ints(2, 0, 2, -1, 2)));
        yield return One("Gather", "by a matrix", [new([4, 3])], (g, x) => g.Gather(x[0], g.Reshape(g.Ints(1, 1, 0, 3, 2, 1), 2, 3)));
        yield return One("Gather", "one", [new([4, 3])], (g, x) => g.Gather(x[0], g.Int(2)));
        yield return One("Gather", "none", [new([4, 3])], (g, x) => g.Gather(x[0], g.Ints()));
        yield return One("Gather", "from a vector", [new([5])], (g, x) => g.Gather(x[0], g.Ints(4, 4, 0)));
        yield return One("Gather", "by int32", [new([4, 3])], (g, x) => g.Gather(x[0], g.Cast(g.Ints(2, 0, 2), ElementType.Int32)));
        yield return One("Gather", "last axis", [new([3, 4])], (g, x) => g.Gather(x[0], g.Ints(2, 0, 2, -1, 2), -1));
        yield return One(
            "Gather",
            "middle axis by a matrix",
            [new([2, 3, 5])],
            (g, x) => g.Gather(x[0], g.Reshape(g.Ints(1, 1, 0, 2, 2, 1), 2, 3), 1));
        yield return One("Gather", "last axis, one", [new([1, 5])], (g, x) => g.Gather(x[0], g.Int(-2), 1));
        yield return One("Gather", "no columns", [new([0, 5])], (g, x) => g.Gather(x[0], g.Ints(2, 1), 1));
        yield return One("Gather", "rows of length 0", [new([4, 0])], (g, x) => g.Gather(x[0], g.Ints(2, 0)));
        yield return One(
            "GatherElements",
            "last axis",
            [new([3, 5])],
            (g, x) => g.GatherElements(x[0], g.Reshape(g.Ints(4, 0, 0, 2, -1, 2), 3, 2), 1));
        yield return One(
            "GatherElements",
            "first axis, some twice",
            [new([3, 2])],
            (g, x) => g.GatherElements(x[0], g.Reshape(g.Ints(2, 0, 2, 0, 2, 1, 2, 2), 4, 2), 0));
        yield return One(
            "GatherElements",
            "empty",
            [new([3, 0], Known: true)],
            (g, x) => g.GatherElements(x[0], g.Op("Reshape", [g.Ints(), g.Ints(2, 0)], ("allowzero", 1L)), 0));
        yield return One(
            "GatherElements",
            "none",
            [new([3, 5])],
            (g, x) => g.GatherElements(x[0], g.Op("Reshape", [g.Ints(), g.Ints(3, 0)], ("allowzero", 1L)), 1));
    }

    private static GradientCase One(string op, string name, GradientInput[] inputs, Func<OpBuilder, Value[], Value> build) =>
        new(op, name, inputs, (b, x) => [build(b, x)]);

    private static string Text(long[] shape) => $"[{string.Join(", ", shape)}]";
}
