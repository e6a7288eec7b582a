namespace G2RL.Onnx.Graphs.Tests.Inference;

/// <summary>
/// Cases for every rule: symbols B, T, N, R, C and Z (an empty axis) stand for lengths that the rule must not need to know.
/// </summary>
internal static class ShapeCases
{
    public static IReadOnlyList<ShapeCase> All { get; } =
        [
            .. Elementwise(), .. Broadcast(), .. Products(), .. Reductions(), .. ShapeOperators(), .. Cuts(), .. Indexing(), .. Runtime(),
            .. Serving(),
        ];

    private static IEnumerable<ShapeCase> Elementwise()
    {
        foreach (var op in new[]
        {
            "Abs", "Cos", "Erf", "Exp", "Log", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt", "Tanh",
            "Identity", "Softmax", "LogSoftmax",
        })
        {
            yield return One(op, "[B, 3, T]", b => b.Op(op, [F(b, "x", "B", 3, "T")]));
            yield return One(op, "empty", b => b.Op(op, [F(b, "x", "Z", 3)]));
        }
        foreach (var op in new[] { "Abs", "Exp", "Neg", "Sqrt", "Sigmoid", "Tanh" })
            yield return One(op, "float64 scalar", b => b.Op(op, [b.Graph.Input("x", ElementType.Float64)]));
        yield return One("Abs", "int64", b => b.Op("Abs", [I(b, "x", "B")]));
        yield return One("Identity", "of a shape keeps elements", b => b.Op("Identity", [b.Op("Shape", [F(b, "x", "B", 3, "T")])]));
        yield return One("Not", "[B, T]", b => b.Op("Not", [b.Graph.Input("x", ElementType.Bool, "B", "T")]));
        yield return One("Softmax", "first axis", b => b.Softmax(F(b, "x", "B", 3, "T"), 0));
        yield return One("LogSoftmax", "middle axis", b => b.LogSoftmax(F(b, "x", "B", 3, "T"), -2));
        yield return One("CumSum", "second axis", b => b.Op("CumSum", [F(b, "x", "B", "T"), b.Int(1)]));
        yield return One("Trilu", "lower", b => b.Op("Trilu", [F(b, "x", "B", "T", "T")], ("upper", 0L)));
        yield return One("Trilu", "upper, shifted", b => b.Op("Trilu", [F(b, "x", "T", "N"), b.Int(1)]));
        yield return One("Clip", "both bounds", b => b.Clip(F(b, "x", "B", 3), 0.6, 1));
        yield return One("Clip", "upper bound only", b => b.Op("Clip", [F(b, "x", "B", 3), null, b.Scalar(1)]));
        foreach (var type in new[]
        {
            ElementType.Float16,
            ElementType.BFloat16,
            ElementType.Float64,
            ElementType.Int64,
            ElementType.Int32,
            ElementType.Int8,
            ElementType.UInt8,
            ElementType.Bool,
        })
            yield return One("Cast", $"to {type}", b => b.Cast(F(b, "x", "B", 3), type));
        yield return One(
            "Cast",
            "of a shape to int32 and back",
            b => b.Cast(b.Cast(b.Op("Shape", [F(b, "x", "B", 3)]), ElementType.Int32), ElementType.Int64));
        yield return One(
            "DequantizeLinear",
            "per tensor",
            b => b.Op("DequantizeLinear", [b.Cast(F(b, "x", "B", 3), ElementType.Int8), b.Scalar(0.5)]));
        yield return One("DequantizeLinear", "in blocks of a row", b => b.Op("DequantizeLinear",
            [b.Cast(F(b, "x", 3, 8), ElementType.Int8), F(b, "s", 3, 2)], ("axis", 1L), ("block_size", 4L)));
        yield return One("IsNaN", "[B, T]", b => b.Op("IsNaN", [F(b, "x", "B", "T")]));
        yield return One("IsInf", "[B, T]", b => b.Op("IsInf", [F(b, "x", "B", "T")]));
    }

    private static IEnumerable<ShapeCase> Broadcast()
    {
        foreach (var op in new[]
        {
            "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
        })
        {
            yield return One(op, "same shape", b => b.Op(op, [F(b, "x", "B", "T"), F(b, "y", "B", "T")]));
            yield return One(op, "both stretch", b => b.Op(op, [F(b, "x", "B", 1, 3), F(b, "y", "T", 1)]));
            yield return One(op, "scalar", b => b.Op(op, [F(b, "x"), F(b, "y", "B", "T")]));
            yield return One(op, "1 meets 0", b => b.Op(op, [F(b, "x", 1, 3), F(b, "y", "Z", 1)]));
        }
        foreach (var op in new[] { "Max", "Min", "Sum" })
        {
            yield return One(op, "of one", b => b.Op(op, [F(b, "x", "B")]));
            yield return One(op, "of three", b => b.Op(op, [F(b, "x", "B", 1), F(b, "y", "T"), F(b, "z")]));
        }
        yield return One("Pow", "integer exponent", b => b.Pow(F(b, "x", "B"), b.Int(2)));
        yield return One("Mul", "of shapes keeps elements", b => b.Mul(b.Op("Shape", [F(b, "x", "B", "T")]), b.Ints(2, 3)));
        yield return One("Add", "of shapes keeps elements", b => b.Add(b.Op("Shape", [F(b, "x", "B", "T")]), b.Ints(2, 3)));
        foreach (var op in new[] { "And", "Or" })
            yield return One(
                op,
                "both stretch",
                b => b.Op(op, [b.Graph.Input("x", ElementType.Bool, "B", 1), b.Graph.Input("y", ElementType.Bool, "T")]));
        yield return One(
            "Where",
            "all stretch",
            b => b.Where(b.Graph.Input("c", ElementType.Bool, "B", 1, 1), F(b, "x", "T", 1), F(b, "y", 3)));
    }

    private static IEnumerable<ShapeCase> Products()
    {
        yield return One("MatMul", "matrices", b => b.MatMul(F(b, "x", "B", 4), F(b, "y", 4, "T")));
        yield return One("MatMul", "batches stretch", b => b.MatMul(F(b, "x", "B", 1, "T", 4), F(b, "y", 3, 4, "N")));
        yield return One("MatMul", "nothing to sum", b => b.MatMul(F(b, "x", "B", "Z"), F(b, "y", "Z", "T")));
        foreach (var (ta, tb) in new[] { (false, false), (true, false), (false, true), (true, true) })
            yield return One(
                "Gemm",
                $"transposed {ta} {tb}",
                b => b.Gemm(ta ? F(b, "x", 4, "B") : F(b, "x", "B", 4), tb ? F(b, "y", "T", 4) : F(b, "y", 4, "T"), null, ta, tb));
        yield return One("Gemm", "bias per column", b => b.Gemm(F(b, "x", "B", 4), F(b, "y", 4, "T"), F(b, "c", "T")));
        yield return One("Gemm", "bias per row", b => b.Gemm(F(b, "x", "B", 4), F(b, "y", 4, "T"), F(b, "c", "B", 1)));
    }

    private static IEnumerable<ShapeCase> Reductions()
    {
        foreach (var op in new[] { "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd" })
        {
            yield return One(op, "one axis kept", b => b.Op(op, [F(b, "x", "B", "T", 4), b.Ints(1)]));
            yield return One(op, "two axes gone", b => b.Op(op, [F(b, "x", "B", "T", 4), b.Ints(-1, 0)], ("keepdims", 0L)));
            yield return One(op, "all axes", b => b.Op(op, [F(b, "x", "B", "T")], ("keepdims", 0L)));
            yield return One(op, "no axes are all", b => b.Op(op, [F(b, "x", "B", "T"), b.Ints()]));
            yield return One(op, "no axes, nothing done", b => b.Op(op, [F(b, "x", "B", "T"), b.Ints()], ("noop_with_empty_axes", 1L)));
        }
    }

    private static IEnumerable<ShapeCase> ShapeOperators()
    {
        yield return One("Shape", "all axes", b => b.Op("Shape", [F(b, "x", "B", 3, "T")]));
        yield return One("Shape", "some axes", b => b.Op("Shape", [F(b, "x", "B", 3, "T")], ("start", -2L), ("end", -1L)));
        yield return One("Shape", "of a scalar", b => b.Op("Shape", [F(b, "x")]));
        yield return One("Reshape", "flattened", b => b.Reshape(F(b, "x", "B", 3, "T"), -1));
        yield return One("Reshape", "0 copies, -1 remains", b => b.Reshape(F(b, "x", "B", 6, "T"), 0, 2, -1));
        yield return One("Reshape", "to another's shape", b => b.ReshapeLike(F(b, "x", "B", "T"), F(b, "y", "T", 1, "B")));
        yield return One("Reshape", "to a computed shape", b =>
        {
            var shape = b.Op("Shape", [F(b, "x", "B", "T", 6)]);
            return b.Reshape(b.Graph["x"], b.Concat(0, b.Slice(shape, 0, 0, 1), b.Gather(shape, b.Ints(1)), b.Ints(2), b.Ints(3)));
        });
        yield return One("Reshape", "empty", b => b.ReshapeLike(F(b, "x", "Z", 3), F(b, "y", 3, "Z")));
        yield return One("Transpose", "given order", b => b.Transpose(F(b, "x", "B", 3, "T"), 2, 0, 1));
        yield return One("Transpose", "reversed", b => b.Op("Transpose", [F(b, "x", "B", 3, "T")]));
        yield return One("Unsqueeze", "several places", b => b.Unsqueeze(F(b, "x", "B", "T"), -1, 0, 2));
        yield return One("Squeeze", "given axes", b => b.Squeeze(F(b, "x", 1, "B", 1), -1));
        yield return One("Squeeze", "all of length 1", b => b.Op("Squeeze", [F(b, "x", 1, 3, 1)]));
        yield return One("Expand", "to another's shape", b => b.ExpandLike(F(b, "x", "T", 1), F(b, "y", "B", "T", "N")));
        yield return One("Expand", "shape smaller than the input", b => b.Op("Expand", [F(b, "x", "B", "T"), b.Ints(1)]));
        yield return One("ConstantOfShape", "float32 zeros", b => b.Op("ConstantOfShape", [b.Op("Shape", [F(b, "x", "B", "T")])]));
        yield return One("ConstantOfShape", "int64", b => b.Op("ConstantOfShape", [b.Ints(2, 3)], ("value", TensorData.Of([7L], 1))));
        yield return One("ZerosLike", "float64", b => b.ZerosLike(b.Graph.Input("x", ElementType.Float64, "B", "Z"))) with
        {
            Op = "ConstantOfShape",
        };
        yield return One("Range", "to a symbol", b => b.Op("Range", [b.Int(0), b.Squeeze(b.Op("Shape", [F(b, "x", "T")]), 0), b.Int(1)]));
        yield return One(
            "Range",
            "of unknown length",
            b => b.Op("Range", [b.Int(1), b.Squeeze(b.Op("Shape", [F(b, "x", "N")]), 0), b.Int(2)]));
    }

    private static IEnumerable<ShapeCase> Cuts()
    {
        yield return One("Concat", "known axis", b => b.Concat(-1, F(b, "x", "B", 3), F(b, "y", "B", 1), F(b, "z", "B", 0)));
        yield return One("Concat", "symbolic axis", b => b.Concat(0, F(b, "x", "T", 3), F(b, "y", "N", 3)));
        yield return One("Concat", "twice the same symbol", b => b.Concat(0, F(b, "x", "T"), F(b, "y", "T")));
        yield return One("Concat", "of columns does not keep elements", b =>
        {
            var shape = b.Unsqueeze(b.Op("Shape", [F(b, "x", "B", "T")]), 1);
            return b.Reshape(b.Concat(1, shape, shape), -1);
        });
        yield return new("Split", "given sizes", b => b.Split(F(b, "x", "B", 6), 1, 1, 2, 3));
        yield return new("Split", "equal parts", b => b.Ops("Split", 2, [F(b, "x", 6, "T")], ("axis", -2L), ("num_outputs", 2L)));
        yield return One("Slice", "middle", b => b.Slice(F(b, "x", "B", 7), 1, 2, -1));
        yield return One("Slice", "steps and two axes", b =>
            b.Op("Slice", [F(b, "x", 7, "B", 6), b.Ints(1, -1), b.Ints(long.MaxValue, long.MinValue + 1), b.Ints(0, 2), b.Ints(3, -2)]));
        yield return One("Slice", "backwards to a bound", b => b.Op("Slice", [F(b, "x", 7), b.Ints(-2), b.Ints(1), b.Ints(0), b.Ints(-3)]));
        yield return One("Slice", "huge step", b => b.Op("Slice", [F(b, "x", 7), b.Ints(0), b.Ints(7), b.Ints(0), b.Ints(long.MaxValue)]));
        yield return One("Slice", "nothing left", b => b.Slice(F(b, "x", 7, "B"), 0, 5, 2));
        yield return One(
            "Slice",
            "of an empty axis",
            b => b.Op("Slice", [F(b, "x", 0, "B"), b.Ints(-1), b.Ints(-100), b.Ints(0), b.Ints(-1)]));
        yield return One("Slice", "default axes", b => b.Op("Slice", [F(b, "x", 7, 4), b.Ints(1, 2), b.Ints(3, 9)]));
        yield return One("Slice", "all of a symbolic axis", b => b.Slice(F(b, "x", "N", 3), 0, 0, long.MaxValue));
        yield return One("Slice", "part of a symbolic axis", b => b.Slice(F(b, "x", "N", 3), 0, 1, 3));
        yield return One("Slice", "of a shape keeps elements", b => b.Slice(b.Op("Shape", [F(b, "x", "B", "T", 4)]), 0, -2, 3));
        yield return One("Pad", "known axes", b => b.Op("Pad", [F(b, "x", "B", 3, 4), b.Ints(0, 1, 0, 0, 2, 3)]));
        yield return One("Pad", "cut", b => b.Op("Pad", [F(b, "x", 3, "B"), b.Ints(-1, 0, 2, 0)]));
    }

    private static IEnumerable<ShapeCase> Indexing()
    {
        yield return One("Gather", "rows by a matrix", b => b.Gather(F(b, "x", 4, "T"), I(b, "i", "B", "N")));
        yield return One(
            "Gather",
            "last axis, int32",
            b => b.Op("Gather", [F(b, "x", "B", 4), b.Graph.Input("i", ElementType.Int32, "R")], ("axis", -1L)));
        yield return One("Gather", "one", b => b.Gather(F(b, "x", 4, "T"), b.Int(-1)));
        yield return One("Gather", "of a shape keeps elements", b => b.Gather(b.Op("Shape", [F(b, "x", "B", "T", 4)]), b.Ints(2, -2)));
        yield return One("GatherElements", "second axis", b => b.GatherElements(F(b, "x", "B", 4), I(b, "i", "B", "T"), 1));
        yield return One("ScatterElements", "adding", b =>
            b.Op("ScatterElements", [F(b, "x", "B", 4), I(b, "i", "B", "T"), F(b, "u", "B", "T")], ("axis", 1L), ("reduction", "add")));
        yield return One(
            "ScatterND",
            "rows, adding",
            b => b.Op("ScatterND", [F(b, "x", 4, "T"), I(b, "i", "B", "N", 1), F(b, "u", "B", "N", "T")], ("reduction", "add")));
        yield return One("ScatterND", "elements", b => b.Op("ScatterND", [F(b, "x", 4, "T"), I(b, "i", 1, 2), F(b, "u", 1)]));
        yield return One(
            "OneHot",
            "last axis",
            b => b.Op("OneHot", [I(b, "i", "B", "T"), b.Int(4), b.Graph.Initializer("v", TensorData.Of([0f, 1f], 2))]));
        yield return One(
            "OneHot",
            "first axis",
            b => b.Op("OneHot", [I(b, "i", "B"), b.Ints(4), b.Graph.Initializer("v", TensorData.Of([0f, 1f], 2))], ("axis", 0L)));
        yield return new("TopK", "two of the last axis", b => b.Ops("TopK", 2, [F(b, "x", "B", 4), b.Ints(2)]));
        yield return new(
            "TopK",
            "as many of the first axis as another is long",
            b => b.Ops("TopK", 2, [F(b, "x", 9, "B"), b.Op("Shape", [F(b, "y", "T")])], ("axis", 0L)));
        yield return new("TopK", "a number that the run tells", b => b.Ops("TopK", 2, [F(b, "x", 4, "B"), I(b, "k", 1)], ("axis", 0L)));
    }

    private static IEnumerable<ShapeCase> Runtime()
    {
        // B = 2 rows, T = 3 new tokens after an empty cache of C = 7.
        yield return new("com.microsoft::GroupQueryAttention", "cache of its full capacity", b => [.. b.Graph.Add(
            "GroupQueryAttention",
            [F(b, "q", "B", "T", 32), F(b, "k", "B", "T", 16), F(b, "v", "B", "T", 16), F(b, "pk", "B", 2, "C", 8),
                F(b, "pv", "B", 2, "C", 8),
                b.Graph.Input("lengths", ElementType.Int32, "B"), b.Graph.Input("total", ElementType.Int32, 1)],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["num_heads"] = 4, ["kv_num_heads"] = 2 },
            domain: "com.microsoft",
            outputCount: 3).Outputs.Select(o => o!)],
            new Dictionary<string, TensorData>(StringComparer.Ordinal)
            {
                ["lengths"] = new(ElementType.Int32, [2], new byte[] { 2, 0, 0, 0, 2, 0, 0, 0 }),
                ["total"] = new(ElementType.Int32, [1], new byte[] { 3, 0, 0, 0 }),
            });
        // One new token after R = 4: the cache grows to the mask's length N = 5. (Several new tokens after others are allowed in one row
        // only.)
        yield return new(
            "com.microsoft::GroupQueryAttention",
            "growing cache, window, soft cap",
            b => [.. b.Graph.Add("GroupQueryAttention",
            [F(b, "q", "B", 1, 32), F(b, "k", "B", 1, 16), F(b, "v", "B", 1, 16), F(b, "pk", "B", 2, "R", 8), F(b, "pv", "B", 2, "R", 8),
                b.Graph.Input("lengths", ElementType.Int32, "B"),
                b.Cast(b.Slice(b.ShapeOf(I(b, "mask", "B", "N")), 0, 1, 2), ElementType.Int32)],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal)
            {
                ["num_heads"] = 4,
                ["kv_num_heads"] = 2,
                ["local_window_size"] = 2,
                ["softcap"] = 1.5f,
            }, domain: "com.microsoft", outputCount: 3).Outputs.Select(o => o!)],
            new Dictionary<string, TensorData>(
                StringComparer.Ordinal)
            { ["lengths"] = new(ElementType.Int32, [2], new byte[] { 4, 0, 0, 0, 4, 0, 0, 0 }) });
        // 40 inputs in two blocks of 32, the second filled up; zero points of 4 bits, two to a byte.
        yield return One("com.microsoft::MatMulNBits", "4 bits, zero points, batches", b => b.Graph.Add(
            "MatMulNBits",
            [
                F(b, "x", "B", "T", 40),
                b.Graph.Input("codes", ElementType.UInt8, 3, 2, 16),
                F(b, "scales", 6),
                b.Graph.Input("zeros", ElementType.UInt8, 3),
            ],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["K"] = 40, ["N"] = 3, ["bits"] = 4, ["block_size"] = 32 },
            domain: "com.microsoft").Outputs[0]!);
        yield return One("com.microsoft::MatMulNBits", "8 bits", b => b.Graph.Add("MatMulNBits",
            [F(b, "x", "B", 40), b.Graph.Input("codes", ElementType.UInt8, 3, 2, 32), F(b, "scales", 6)],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal)
            {
                ["K"] = 40,
                ["N"] = 3,
                ["bits"] = 8,
                ["block_size"] = 32,
                ["accuracy_level"] = 1,
            }, domain: "com.microsoft").Outputs[0]!);
    }

    // What the serving graph is written in.
    private static IEnumerable<ShapeCase> Serving()
    {
        yield return One("SimplifiedLayerNormalization", "[B, T, 4]", b =>
            b.Op("SimplifiedLayerNormalization", [F(b, "x", "B", "T", 4), F(b, "w", 4)], ("axis", -1L), ("epsilon", 1e-6f)));
        yield return new("com.microsoft::SkipSimplifiedLayerNormalization", "norm and sum", b =>
        {
            var outputs = b.Graph.Add(
                "SkipSimplifiedLayerNormalization",
                [F(b, "x", "B", "T", 4), F(b, "skip", "B", "T", 4), F(b, "w", 4)],
                new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["epsilon"] = 1e-6f },
                ["normed", "", "", "sum"],
                "com.microsoft").Outputs;
            return [outputs[0]!, outputs[3]!];
        });
        yield return One("com.microsoft::QuickGelu", "[B, T, 4]", b => b.Graph.Add(
            "QuickGelu",
            [F(b, "x", "B", "T", 4)],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["alpha"] = 1f },
            domain: "com.microsoft").Outputs[0]!);
        yield return One("com.microsoft::FusedMatMul", "right side as it lies", b => Fused(b, F(b, "w", 5, 4), 1));
        yield return One("com.microsoft::FusedMatMul", "right side of symbolic width", b => Fused(b, F(b, "w", 4, "N"), 0));
    }

    private static Value Fused(OpBuilder b, Value right, long exchanged) => b.Graph.Add(
        "FusedMatMul",
        [F(b, "x", "B", "T", 4), right],
        new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["transB"] = exchanged, ["alpha"] = 1f },
        domain: "com.microsoft").Outputs[0]!;

    private static ShapeCase One(string op, string name, Func<OpBuilder, Value> build) => new(op, name, b => [build(b)]);

    private static Value F(OpBuilder b, string name, params Dimension[] shape) => b.Graph.Input(name, ElementType.Float32, shape);

    private static Value I(OpBuilder b, string name, params Dimension[] shape) => b.Graph.Input(name, ElementType.Int64, shape);
}
