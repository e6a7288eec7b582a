using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

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
        { Op: "Product" } => op.AddedTo(accumulator, gradient),
        { Op: "Add" } sum when sum.Inputs[1]!.Producer is { } look && IsLookUp(look) =>
            Looked(op, op.Add(accumulator, sum.Inputs[0]!), look),
        { } look when IsLookUp(look) => Looked(op, accumulator, look),
        _ => op.Add(accumulator, gradient),
    };

    /// <summary>A gradient that began with its accumulator: what was looked up is added to it, not to zeros first.</summary>
    public static Value Begun(OpBuilder op, Value gradient) =>
        gradient.Producer is { Op: "Add" } sum && sum.Inputs[1]!.Producer is { } look && IsLookUp(look)
            ? Looked(op, sum.Inputs[0]!, look)
            : gradient;

    // Rows added into zeros: as well into anything else.
    private static bool IsLookUp(Node node) =>
        node.Op is "ScatterElements" or "RowsAdded" && node.Inputs[0]!.Producer?.Op == "ConstantOfShape";

    private static Value Looked(OpBuilder op, Value sum, Node look) =>
        op.Graph.Add(look.Op, [sum, look.Inputs[1], look.Inputs[2]], look.Attributes, domain: look.Domain).Outputs[0]!;
}
