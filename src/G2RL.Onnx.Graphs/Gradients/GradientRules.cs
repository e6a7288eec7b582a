using G2RL.Onnx.Graphs;
using static G2RL.Onnx.Gradients.ElementwiseGradients;
using static G2RL.Onnx.Gradients.IndexingGradients;
using static G2RL.Onnx.Gradients.LinearGradients;
using static G2RL.Onnx.Gradients.ReductionGradients;
using static G2RL.Onnx.Gradients.ShapeGradients;
using static G2RL.Onnx.Gradients.SoftmaxGradients;

namespace G2RL.Onnx.Gradients;

/// <summary>The gradient rule of every operator: the list is the coverage documentation.</summary>
internal static class GradientRules
{
    /// <summary>Rules by operator.</summary>
    public static IReadOnlyDictionary<string, GradientRule> All { get; } = new Dictionary<string, GradientRule>(
        FusedGradients.All,
        StringComparer.Ordinal)
    {
        ["Add"] = Add,
        ["Sub"] = Sub,
        ["Mul"] = Mul,
        ["Div"] = Div,
        ["Pow"] = Pow,
        ["Max"] = Max,
        ["Min"] = Min,
        ["Sum"] = Sum,
        ["Where"] = Where,
        ["Abs"] = Abs,
        ["Cos"] = Cos,
        ["Erf"] = Erf,
        ["Exp"] = Exp,
        ["Log"] = Log,
        ["Neg"] = Neg,
        ["Reciprocal"] = Reciprocal,
        ["Relu"] = Relu,
        ["Sigmoid"] = Sigmoid,
        ["Sin"] = Sin,
        ["Softplus"] = Softplus,
        ["Sqrt"] = Sqrt,
        ["Tanh"] = Tanh,
        ["Identity"] = Identity,
        ["Clip"] = Clip,
        ["Cast"] = Cast,
        ["MatMul"] = MatMul,
        ["Gemm"] = Gemm,
        ["ReduceSum"] = ReduceSum,
        ["ReduceMean"] = ReduceMean,
        ["Softmax"] = Softmax,
        ["LogSoftmax"] = LogSoftmax,
        ["Reshape"] = Reshape,
        ["Transpose"] = Transpose,
        ["Unsqueeze"] = Reshape,
        ["Squeeze"] = Reshape,
        ["Expand"] = Expand,
        ["Concat"] = Concat,
        ["Split"] = Split,
        ["Slice"] = Slice,
        ["Gather"] = Gather,
        ["GatherElements"] = GatherElements,
        ["Shape"] = NotDifferentiable,
        ["Range"] = NotDifferentiable,
        ["ConstantOfShape"] = NotDifferentiable,
        ["Sign"] = NotDifferentiable,
        ["OneHot"] = NotDifferentiable,
        ["Equal"] = NotDifferentiable,
        ["Greater"] = NotDifferentiable,
        ["GreaterOrEqual"] = NotDifferentiable,
        ["Less"] = NotDifferentiable,
        ["LessOrEqual"] = NotDifferentiable,
        ["And"] = NotDifferentiable,
        ["Or"] = NotDifferentiable,
        ["Not"] = NotDifferentiable,
        ["IsNaN"] = NotDifferentiable,
        ["IsInf"] = NotDifferentiable,
    };

    /// <summary>The derivative is zero or does not exist: nothing flows back.</summary>
    public static Value?[] NotDifferentiable(GradientContext g) => new Value?[g.Node.Inputs.Count];
}
