using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// accumulator + gradient, the accumulator put in where the gradient begins: a product adds to it in place, and no second copy is held.
/// </summary>
internal static class GradientSums
{
    /// <summary>The sum of an accumulator and a gradient that nothing else reads.</summary>
    public static Value Add(OpBuilder op, Value accumulator, Value gradient) => gradient.Producer switch
    {
        { Op: "Gemm", Inputs.Count: 2 } product =>
            op.Graph.Add("Gemm", [product.Inputs[0], product.Inputs[1], accumulator], product.Attributes).Outputs[0]!,
        { Op: "Add" } sum when sum.Inputs[1]!.Producer is { } look && IsLookUp(look) =>
            Looked(op, op.Add(accumulator, sum.Inputs[0]!), look),
        { } look when IsLookUp(look) => Looked(op, accumulator, look),
        _ => op.Add(accumulator, gradient),
    };

    // Rows added into zeros: as well into anything else.
    private static bool IsLookUp(Node node) => node.Op == "ScatterElements" && node.Inputs[0]!.Producer?.Op == "ConstantOfShape";

    private static Value Looked(OpBuilder op, Value sum, Node look) =>
        op.Graph.Add("ScatterElements", [sum, look.Inputs[1], look.Inputs[2]], look.Attributes).Outputs[0]!;
}
