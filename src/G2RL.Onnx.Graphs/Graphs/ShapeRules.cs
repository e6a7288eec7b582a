using G2RL.Onnx.Graphs.Fused;
using static G2RL.Onnx.Graphs.Inference.AxisShapes;
using static G2RL.Onnx.Graphs.Inference.ElementwiseShapes;
using static G2RL.Onnx.Graphs.Inference.IndexingShapes;
using static G2RL.Onnx.Graphs.Inference.ProductShapes;

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

    internal static Value? Optional(Node node, int index) => index < node.Inputs.Count ? node.Inputs[index] : null;

    internal static long[] Constants(Node node, int index) => In(node, index).Constant is { Type: ElementType.Int64, IsHere: true } data
        ? data.AsInt64().ToArray()
        : throw Conflict(node, $"needs input {index} as an int64 constant");

    internal static IReadOnlyList<Dimension> Common(Node node, params ReadOnlySpan<int> indices)
    {
        var shape = In(node, indices[0]).Shape;
        foreach (var i in indices[1..])
            shape = Shapes.Broadcast(shape, In(node, i).Shape) ?? throw Conflict(node, "has shapes that do not broadcast");
        return shape;
    }

    internal static Dimension Length(Node node, long size) => size >= 0 ? size : throw Conflict(node, $"gives an axis the length {size}");

    internal static Dimension[] With(IReadOnlyList<Dimension> shape, int axis, Dimension size)
    {
        var copy = shape.ToArray();
        copy[axis] = size;
        return copy;
    }
}
