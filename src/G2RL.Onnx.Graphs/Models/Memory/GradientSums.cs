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

    /// <summary>
    /// The sum, in turn, of an accumulator that several runs share and a product that is all of a gradient, or all but rows that are
    /// looked up: those come apart, one for each token. The name is the sum's.
    /// </summary>
    /// <returns>No sum where there is nothing but rows; neither where a gradient is something else.</returns>
    public static (Value? Sum, Value? Rows) Shared(OpBuilder op, Func<Value> accumulator, Value gradient, string name)
    {
        if (gradient.Producer is not { } node)
            return default;
        if (IsOfTokens(node))
            return (null, node.Inputs[2]);
        if (node.Op == "Add" && IsOfTokens(node.Inputs[1]!.Producer))
            return Product(node.Inputs[0]!) is { } sum ? (sum, node.Inputs[1]!.Producer!.Inputs[2]) : default;
        return (Product(gradient), null);

        // One that was begun with the accumulator is what it is to be.
        Value? Product(Value value) => value.Producer switch
        {
            { Op: "Product", Inputs.Count: 2 } product => op.AddedInTurn(accumulator(), product, name),
            { Op: "Product" } product when product.Int(FusedOperators.InTurn, 0) == 1 => value,
            _ => null,
        };
    }

    private static bool IsOfTokens(Node? node) =>
        node is { Op: "RowsAdded" } && IsLookUp(node) && node.Inputs[1]!.Producer is { Op: "Reshape" } flat
            && flat.Inputs[0] is { Producer: null, Name: "input_ids" };

    // Rows added into zeros: as well into anything else.
    private static bool IsLookUp(Node node) =>
        node.Op is "ScatterElements" or "RowsAdded" && node.Inputs[0]!.Producer?.Op == "ConstantOfShape";

    private static Value Looked(OpBuilder op, Value sum, Node look) =>
        op.Graph.Add(look.Op, [sum, look.Inputs[1], look.Inputs[2]], look.Attributes, domain: look.Domain).Outputs[0]!;
}
