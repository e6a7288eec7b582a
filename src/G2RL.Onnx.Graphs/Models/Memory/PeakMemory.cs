using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// The bytes that a graph's values take at once at most, by going through its nodes in the order in which ONNX Runtime does: inputs and
/// outputs are the caller's, views take nothing, a value ends with its last reader, and an operator that works on one value
/// element by element writes into it if it ends there. Places are those of a <see cref="BlockHeap"/>, gaps included.
/// </summary>
/// <remarks>
/// The order is that of ONNX Runtime's GraphViewer: depth first from the nodes without readers, the last one and the latest input first. A
/// Gemm of something transposed is the latest of all, since it is written anew, as one node with what it reads.
/// </remarks>
public static class PeakMemory
{
    private static readonly HashSet<string> Views = new(StringComparer.Ordinal) { "Reshape", "Unsqueeze", "Squeeze", "Identity" };

    // Operators of two operands (Add, Mul) do not, as a trace of what a runtime takes shows.
    private static readonly HashSet<string> InPlace = new(StringComparer.Ordinal)
    {
        "Exp", "Log", "Neg", "Sqrt", "Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Clip", "Erf", "Relu", "Reciprocal", "ScatterElements",
        "RmsNormGrad", "Rotary", "GatedUnit", "GatedUnitGrad", "TokenScoresGrad", "Product", "RowsAdded",
    };

    // Smaller values come from elsewhere and do not count.
    private const long Smallest = 32L << 10;

    /// <summary>The peak in bytes.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="axes">Lengths of its symbolic axes, by name.</param>
    /// <param name="scratch">Bytes that a node takes beside its inputs and outputs while it runs; null for none.</param>
    public static long Of(Graph graph, IReadOnlyDictionary<string, long> axes, Func<Node, Func<Dimension, long>, long>? scratch = null)
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
        bool Lies(Value? value) => value is not null && !outside.Contains(value) && SizeOf(value) >= Smallest;
        // What takes the place of what: a runtime plans, before it knows any length, that a value of the same axes takes that of one that
        // has ended, and gives it back when the last of them has.
        var shapes = new RuntimeShapes(graph);
        var (buffers, ends) = (new Dictionary<Value, int>(ReferenceEqualityComparer.Instance), new List<int>());
        var idle = new List<(int Buffer, Value Was)>();
        for (var i = 0; i < order.Count; i++)
        {
            var node = order[i];
            if (!Views.Contains(node.Op))
                foreach (var output in node.Outputs.OfType<Value>().Where(Lies))
                {
                    var reused = InPlace.Contains(node.Op) && output == node.Outputs[0]
                        ? node.Inputs.OfType<Value>().Where(v => shapes.AreSame(v, output)).Select(Root)
                            .FirstOrDefault(v => buffers.ContainsKey(v) && last[v] == i)
                        : null;
                    var place = reused is null
                        ? idle.FindLastIndex(b => shapes.AreSame(b.Was, output))
                        : -1;
                    if (reused is not null)
                        buffers[output] = buffers[reused];
                    else if (place >= 0)
                    {
                        buffers[output] = idle[place].Buffer;
                        idle.RemoveAt(place);
                    }
                    else
                    {
                        buffers[output] = ends.Count;
                        ends.Add(i);
                    }
                    ends[buffers[output]] = last[output];
                }
            foreach (var ended in node.Inputs.Concat(node.Outputs).OfType<Value>().Select(Root).Distinct())
                if (buffers.TryGetValue(ended, out var buffer) && last[ended] == i && ends[buffer] == i)
                    idle.Add((buffer, ended));
        }
        var heap = new BlockHeap();
        var places = new Dictionary<int, long>();
        for (var i = 0; i < order.Count; i++)
        {
            foreach (var output in order[i].Outputs.OfType<Value>())
                if (buffers.TryGetValue(output, out var buffer) && !places.ContainsKey(buffer))
                    places[buffer] = heap.Take(SizeOf(output));
            if (scratch?.Invoke(order[i], LengthOf) is >= Smallest and var beside)
                heap.Give(heap.Take(beside));
            foreach (var value in order[i].Inputs.Concat(order[i].Outputs).OfType<Value>().Select(Root).Distinct())
                if (buffers.TryGetValue(value, out var buffer) && ends[buffer] == i && places.Remove(buffer, out var place))
                    heap.Give(place);
        }
        return heap.Extent;
    }

    private static bool IsWrittenAnew(Node node) =>
        node.Op == "Gemm" && node.Inputs.Take(2).Any(i => i?.Producer is { Op: "Transpose", Domain: "" });

    private static List<Node> Order(Graph graph)
    {
        var place = new Dictionary<Node, int>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < graph.Nodes.Count; i++)
            place[graph.Nodes[i]] = IsWrittenAnew(graph.Nodes[i]) ? graph.Nodes.Count + i : i;
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
