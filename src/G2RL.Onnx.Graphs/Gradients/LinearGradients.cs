using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Gradients;

/// <summary>Gradients of matrix products.</summary>
internal static class LinearGradients
{
    // Y = A.B:  dA = dY.B^T,  dB = A^T.dY.
    public static Value?[] MatMul(GradientContext g) =>
    [
        g.Op.MatMul(g.DY, g.Op.SwapLastTwo(g.Input(1))),
        g.Op.MatMul(g.Op.SwapLastTwo(g.Input(0)), g.DY),
    ];

    // Y = op(A).op(B) + C. The flags say how each operand lies, so nothing is transposed in memory.
    public static Value?[] Gemm(GradientContext g)
    {
        if (g.Node.Float("alpha", 1) != 1 || g.Node.Float("beta", 1) != 1)
            throw new GraphException($"No gradient for Gemm with alpha or beta other than 1 (node '{g.Node.Name}').");
        return Product(g);
    }

    /// <summary>The gradients of Gemm, and of our own product.</summary>
    /// <remarks>
    /// Where ours may be written, it gives the weight's gradient, whose first operand lies turned: ONNX Runtime's CPU kernel is slower
    /// there, and as fast or faster everywhere else.
    /// </remarks>
    public static Value?[] Product(GradientContext g)
    {
        var (a, b, dy) = (g.Input(0), Widening.Again(g.Op, g.Input(1), g.DY), g.DY);
        var (ta, tb) = (g.Node.Int("transA", 0) != 0, g.Node.Int("transB", 0) != 0);
        var da = ta ? g.Op.Gemm(b, dy, null, tb, true) : g.Op.Gemm(dy, b, null, false, !tb);
        var db = tb ? Weight(dy, a, true, ta) : Weight(a, dy, !ta, false);
        return g.Node.Inputs.ElementAtOrDefault(2) is null ? [da, db] : [da, db, dy];

        Value Weight(Value left, Value right, bool turnLeft, bool turnRight) => g.Op.Fuses && turnLeft && left.Type == ElementType.Float32
            ? g.Op.Product(left, right, null, turnLeft, turnRight)
            : g.Op.Gemm(left, right, null, turnLeft, turnRight);
    }
}
