using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>Gradients of softmax and its logarithm.</summary>
internal static class SoftmaxGradients
{
    // dX = Y (dY - sum(dY Y))
    public static Value?[] Softmax(GradientContext g)
    {
        var weighted = g.Op.Mul(g.DY, g.Y);
        return [g.Op.Sub(weighted, g.Op.Mul(g.Y, g.Op.ReduceSum(weighted, keepDims: true, g.Node.Int("axis", -1))))];
    }

    // dX = dY - e^Y sum(dY)
    public static Value?[] LogSoftmax(GradientContext g) =>
        [g.Op.Sub(g.DY, g.Op.Mul(g.Op.Exp(g.Y), g.Op.ReduceSum(g.DY, keepDims: true, g.Node.Int("axis", -1))))];
}
