using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>
/// Reverse-mode differentiation of a graph, as a graph: walks the forward nodes backwards and appends what each node's rule writes.
/// Contributions are summed and broadcasting is undone here, so rules never mention either; unused nodes are pruned afterwards, so rules
/// never ask whether a gradient is needed. Every gradient's type and shape is checked against its value when the graph is built.
/// </summary>
public static class Differentiator
{
    /// <summary>Appends d(output)/d(value) for each value.</summary>
    /// <param name="op">The graph that holds the forward nodes and receives the gradients.</param>
    /// <param name="output">What is differentiated; a scalar unless <paramref name="seedGradient"/> is given.</param>
    /// <param name="seedGradient">Gradient of some loss with respect to the output, in its shape; null means 1.</param>
    /// <param name="wrt">Values whose gradients are wanted.</param>
    /// <returns>A gradient for each value, in its shape; zeros where the output does not depend on it.</returns>
    /// <exception cref="GraphException">An operator without a rule, or a rule that gives a wrong type or shape; the message names
    /// them.</exception>
    public static IReadOnlyDictionary<Value, Value> Backward(OpBuilder op, Value output, Value? seedGradient, IReadOnlyList<Value> wrt) =>
        Backward(op, output, seedGradient, wrt, GradientRules.All);

    internal static IReadOnlyDictionary<Value, Value> Backward(
        OpBuilder op,
        Value output,
        Value? seedGradient,
        IReadOnlyList<Value> wrt,
        IReadOnlyDictionary<string, GradientRule> rules)
    {
        if (seedGradient is null && output.Rank != 0)
            throw new GraphException($"'{output}' is no scalar: give the gradient to start from.");
        return Backward(op, [(output, seedGradient ?? op.Like(output, 1))], wrt, rules);
    }

    /// <summary>The same from several values whose gradients are known; a wanted value among them starts from its own.</summary>
    internal static IReadOnlyDictionary<Value, Value> Backward(
        OpBuilder op,
        IReadOnlyList<(Value Value, Value Gradient)> seeds,
        IReadOnlyList<Value> wrt,
        IReadOnlyDictionary<string, GradientRule> rules) =>
        Backward(op, [.. op.Graph.Nodes], op.Recomputed, seeds, wrt, rules);

    /// <summary>The same through some of the nodes, in order.</summary>
    internal static IReadOnlyDictionary<Value, Value> Backward(
        OpBuilder op,
        IReadOnlyList<Node> forward,
        IReadOnlyList<RecomputedRegion> regions,
        IReadOnlyList<(Value Value, Value Gradient)> seeds,
        IReadOnlyList<Value> wrt,
        IReadOnlyDictionary<string, GradientRule> rules)
    {
        var gradients = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        foreach (var (value, gradient) in seeds)
            gradients[value] = gradient.Type == value.Type && Shapes.Same(gradient.Shape, value.Shape)
                ? gradient
                : throw new GraphException($"The gradient to start from, '{gradient}', does not have the shape of '{value}'.");
        var walk = new BackwardWalk(op, gradients, Varying(forward, wrt), rules);
        walk.Run(forward, regions);
        return wrt.ToDictionary(
            v => v,
            v => gradients.TryGetValue(v, out var g) ? g : op.ZerosLike(v),
            (IEqualityComparer<Value>)ReferenceEqualityComparer.Instance);
    }

    // Values that change when one of the wanted values does, as far as gradients are concerned: a detached value is a constant.
    private static HashSet<Value> Varying(IReadOnlyList<Node> forward, IReadOnlyList<Value> wrt)
    {
        var varying = new HashSet<Value>(wrt, ReferenceEqualityComparer.Instance);
        foreach (var node in forward)
            if (!node.IsDetached && node.Inputs.Any(i => i is not null && varying.Contains(i)))
                foreach (var output in node.Outputs)
                    if (output is not null && output.Type.IsFloat())
                        varying.Add(output);
        return varying;
    }
}
