using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// The bytes that a graph's values take at once at most, by going through its nodes in the order in which ONNX Runtime does: inputs and
/// outputs are the caller's, views take nothing, a value ends with its last reader, and an operator that works element by element writes
/// into an input that ends with it.
/// </summary>
/// <remarks>
/// The order is that of ONNX Runtime's GraphViewer: depth first from the nodes without readers, the last one and the latest input first.
/// </remarks>
public static class PeakMemory
{
    private static readonly HashSet<string> Views = new(StringComparer.Ordinal) { "Reshape", "Unsqueeze", "Squeeze", "Identity" };

    private static readonly HashSet<string> InPlace = new(StringComparer.Ordinal)
    {
        "Add", "Sub", "Mul", "Div", "Pow", "Exp", "Log", "Neg", "Sqrt", "Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Clip", "Where", "Erf",
        "Relu", "Reciprocal", "ScatterElements", "RmsNormGrad", "Rotary", "GatedUnit", "GatedUnitGrad", "TokenScoresGrad",
        "Product", "RowsAdded",
    };

    /// <summary>The peak in bytes.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="axes">Lengths of its symbolic axes, by name.</param>
    public static long Of(Graph graph, IReadOnlyDictionary<string, long> axes)
    {
        var outside = new HashSet<Value>(graph.Inputs.Concat(graph.Initializers), ReferenceEqualityComparer.Instance);
        var roots = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        Value Root(Value value) => roots.TryGetValue(value, out var root) ? root : value;
        foreach (var node in graph.Nodes)
            if (Views.Contains(node.Op))
                roots[node.Outputs[0]!] = Root(node.Inputs[0]!);
        // What is bound by the caller is written where it will lie.
        outside.UnionWith(graph.Outputs.Select(Root));
        var order = Order(graph);
        var last = new Dictionary<Value, int>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < order.Count; i++)
            foreach (var value in order[i].Inputs.Concat(order[i].Outputs))
                if (value is not null)
                    last[Root(value)] = i;
        var sizes = new Dictionary<Value, long>(ReferenceEqualityComparer.Instance);
        var lengths = new Dictionary<Dimension, long>();
        long LengthOf(Dimension axis) => lengths.TryGetValue(axis, out var length) ? length : lengths[axis] = axis.At(axes);
        long SizeOf(Value value) => sizes.TryGetValue(value, out var size)
            ? size
            : sizes[value] = value.Shape.Aggregate((long)value.Type.Size(), (product, axis) => checked(product * LengthOf(axis)));
        long held = 0, peak = 0;
        for (var i = 0; i < order.Count; i++)
        {
            var node = order[i];
            if (!Views.Contains(node.Op))
            {
                var ending = node.Inputs.OfType<Value>().Select(Root).Distinct().Where(v => !outside.Contains(v) && last[v] == i).ToList();
                foreach (var output in node.Outputs)
                    if (output is not null && !outside.Contains(output))
                        held += SizeOf(output);
                var reused = InPlace.Contains(node.Op) && node.Outputs[0] is { } made && !outside.Contains(made)
                    ? ending.Select(SizeOf).Where(s => s == SizeOf(made)).DefaultIfEmpty(0).Max()
                    : 0;
                peak = Math.Max(peak, held - reused);
            }
            foreach (var ended in node.Inputs.Concat(node.Outputs).OfType<Value>().Select(Root).Distinct())
                if (!outside.Contains(ended) && last[ended] == i)
                    held -= SizeOf(ended);
        }
        return peak;
    }

    private static List<Node> Order(Graph graph)
    {
        var place = new Dictionary<Node, int>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < graph.Nodes.Count; i++)
            place[graph.Nodes[i]] = i;
        var read = graph.Nodes.SelectMany(n => n.Inputs).OfType<Value>().Select(v => v.Producer).OfType<Node>().ToHashSet();
        var order = new List<Node>(graph.Nodes.Count);
        var visited = new HashSet<Node>();
        var stack = new Stack<(Node Node, bool Leaves)>(graph.Nodes.Where(n => !read.Contains(n)).Select(n => (n, false)));
        while (stack.TryPop(out var entry))
        {
            if (entry.Leaves)
                order.Add(entry.Node);
            else if (visited.Add(entry.Node))
            {
                stack.Push((entry.Node, true));
                foreach (var before in entry.Node.Inputs.Select(v => v?.Producer).OfType<Node>().Distinct().OrderBy(n => place[n]))
                    if (!visited.Contains(before))
                        stack.Push((before, false));
            }
        }
        return order;
    }
}
