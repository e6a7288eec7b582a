namespace G2RL.Onnx.Graphs;

/// <summary>
/// Nodes, in order, whose only value that others read is the first output of the last one; the backward pass computes the rest again.
/// </summary>
/// <param name="Nodes">The nodes.</param>
/// <param name="Backward">
/// Writes the gradients itself, what it computes again included; null has the nodes copied and differentiated.
/// </param>
internal sealed record RecomputedRegion(IReadOnlyList<Node> Nodes, RegionGradient? Backward = null);

/// <summary>Writes the gradients of what a region reads, by the values that it reads.</summary>
/// <param name="at">What stands for a value that the region reads, and is there no sooner than the gradient.</param>
/// <param name="learns">Whether a gradient flows to a value.</param>
/// <param name="gradient">Gradient of the region's value.</param>
internal delegate IReadOnlyList<(Value Value, Value Gradient)> RegionGradient(
    Func<Value, Value> at,
    Predicate<Value> learns,
    Value gradient);
