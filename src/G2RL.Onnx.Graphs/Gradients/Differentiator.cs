using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>
/// Reverse-mode differentiation of a graph, as a graph: walks the forward nodes backwards and appends what each node's rule writes. Contributions
/// are summed and broadcasting is undone here, so rules never mention either; unused nodes are pruned afterwards, so rules never ask whether
/// a gradient is needed. Every gradient's type and shape is checked against its value when the graph is built.
/// </summary>
public static class Differentiator
{
    /// <summary>Appends d(output)/d(value) for each value.</summary>
    /// <param name="op">The graph that holds the forward nodes and receives the gradients.</param>
    /// <param name="output">What is differentiated; a scalar unless <paramref name="seedGradient"/> is given.</param>
    /// <param name="seedGradient">Gradient of some loss with respect to the output, in its shape; null means 1.</param>
    /// <param name="wrt">Values whose gradients are wanted.</param>
    /// <returns>A gradient for each value, in its shape; zeros where the output does not depend on it.</returns>
    /// <exception cref="GraphException">An operator without a rule, or a rule that gives a wrong type or shape; the message names them.</exception>
    public static IReadOnlyDictionary<Value, Value> Backward(OpBuilder op, Value output, Value? seedGradient, IReadOnlyList<Value> wrt) =>
        Backward(op, output, seedGradient, wrt, GradientRules.All);

    internal static IReadOnlyDictionary<Value, Value> Backward(OpBuilder op, Value output, Value? seedGradient, IReadOnlyList<Value> wrt, IReadOnlyDictionary<string, GradientRule> rules)
    {
        if (seedGradient is null && output.Rank != 0)
            throw new GraphException($"'{output}' is no scalar: give the gradient to start from.");
        if (seedGradient is not null && (seedGradient.Type != output.Type || !Shapes.Same(seedGradient.Shape, output.Shape)))
            throw new GraphException($"The gradient to start from, '{seedGradient}', does not have the shape of '{output}'.");
        var forward = op.Graph.Nodes.ToArray();
        var varying = Varying(forward, wrt);
        var gradients = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance) { [output] = seedGradient ?? op.Like(output, 1) };
        for (var i = forward.Length - 1; i >= 0; i--)
        {
            var node = forward[i];
            if (!node.Outputs.Any(o => o is not null && varying.Contains(o) && gradients.ContainsKey(o)))
                continue;
            Apply(op, node, gradients, varying, rules);
        }
        return wrt.ToDictionary(v => v, v => gradients.TryGetValue(v, out var g) ? g : op.ZerosLike(v), (IEqualityComparer<Value>)ReferenceEqualityComparer.Instance);
    }

    // Values that change when one of the wanted values does, as far as gradients are concerned: a detached value is a constant.
    private static HashSet<Value> Varying(Node[] forward, IReadOnlyList<Value> wrt)
    {
        var varying = new HashSet<Value>(wrt, ReferenceEqualityComparer.Instance);
        foreach (var node in forward)
            if (!node.IsDetached && node.Inputs.Any(i => i is not null && varying.Contains(i)))
                foreach (var output in node.Outputs)
                    if (output is not null && output.Type.IsFloat())
                        varying.Add(output);
        return varying;
    }

    private static void Apply(OpBuilder op, Node node, Dictionary<Value, Value> gradients, HashSet<Value> varying, IReadOnlyDictionary<string, GradientRule> rules)
    {
        if (!rules.TryGetValue(node.Domain.Length == 0 ? node.Op : $"{node.Domain}::{node.Op}", out var rule))
            throw new GraphException($"No gradient for operator '{node.Op}' (node output '{node.Outputs[0]?.Name}'). Add a rule to GradientRules, or freeze the parameters behind it.");
        var outputs = node.Outputs.Select(o => o is not null && gradients.TryGetValue(o, out var g) ? g : null).ToArray();
        var contributions = rule(new GradientContext(op, node, outputs));
        for (var i = 0; i < node.Inputs.Count && i < contributions.Length; i++)
        {
            if (node.Inputs[i] is not { } input || !varying.Contains(input) || contributions[i] is not { } contribution)
                continue;
            var reduced = ReduceTo(op, contribution, input);
            if (reduced.Type != input.Type || !Shapes.Same(reduced.Shape, input.Shape))
                throw new GraphException($"The gradient rule of {node.Op} (node '{node.Name}') gives '{contribution}' for input {i}, '{input}'. A gradient has its value's type and shape.");
            gradients[input] = gradients.TryGetValue(input, out var sum) ? op.Add(sum, reduced) : reduced;
        }
    }

    // Sums over the axes along which the forward operator broadcast its input.
    private static Value ReduceTo(OpBuilder op, Value gradient, Value input)
    {
        var extra = gradient.Rank - input.Rank;
        if (extra < 0)
            return gradient;
        var leading = Enumerable.Range(0, extra).Select(i => (long)i).ToArray();
        var stretched = Enumerable.Range(0, input.Rank).Where(i => input.Shape[i].IsOne && !gradient.Shape[i + extra].IsOne).Select(i => (long)i).ToArray();
        if (leading.Length > 0)
            gradient = op.ReduceSum(gradient, keepDims: false, leading);
        return stretched.Length > 0 ? op.ReduceSum(gradient, keepDims: true, stretched) : gradient;
    }
}
