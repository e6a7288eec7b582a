namespace G2RL.Onnx.Graphs;

/// <summary>
/// Frozen matrices that are stored in a narrow type, in float32 for one product. Forward and backward pass widen them once each, and no
/// sooner than the product's other operand is there: without either, all layers would lie in memory in both types at once.
/// </summary>
internal static class Widening
{
    /// <summary>A stored matrix in float32.</summary>
    /// <param name="op">Writes the nodes.</param>
    /// <param name="stored">An input of the graph in bfloat16, or in 8 bits.</param>
    /// <param name="scales">Scales of blocks along the last axis, for 8 bits.</param>
    /// <param name="after">What has to be there first.</param>
    public static Value Of(OpBuilder op, Value stored, Value? scales, Value after)
    {
        var late = op.After(stored, after);
        if (scales is null)
            return op.Cast(late, ElementType.Float32);
        var block = stored.Shape[1].Size / scales.Shape[1].Size;
        return op.Graph.Add(
            "DequantizeLinear",
            [late, scales],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["axis"] = 1L, ["block_size"] = block }).Outputs[0]!;
    }

    /// <summary>A value that <see cref="Of"/> gave, widened anew after another; any other value as it is.</summary>
    public static Value Again(OpBuilder op, Value value, Value after)
    {
        if (value.Producer is not { Op: "Cast" or "DequantizeLinear" } node || node.Inputs[0]!.Producer is not { Op: "Reshape" } view
            || view.Inputs[0] is not { Producer: null, Type: ElementType.BFloat16 or ElementType.Int8 } stored)
            return value;
        return Of(op, stored, node.Inputs.ElementAtOrDefault(1), after);
    }
}
