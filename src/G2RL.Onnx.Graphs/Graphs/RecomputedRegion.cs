namespace G2RL.Onnx.Graphs;

/// <summary>
/// Nodes, in order, whose only value that others read is the first output of the last one; the backward pass computes the rest again.
/// </summary>
internal sealed record RecomputedRegion(IReadOnlyList<Node> Nodes);
