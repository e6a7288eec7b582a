using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Wire;

namespace G2RL.Onnx.Files;

/// <summary>Says why a node's input is not there: nothing defines it, it comes later, or it depends on the node itself.</summary>
internal static class OnnxOrder
{
    // Names of a cycle that a message lists.
    private const int LongestCycle = 12;

    /// <summary>The fault of an input that no earlier part of the file defines.</summary>
    /// <param name="proto">The graph.</param>
    /// <param name="index">The node that reads it.</param>
    /// <param name="name">That node's name.</param>
    /// <param name="input">What it reads.</param>
    public static GraphException Unknown(GraphProto proto, int index, string name, string input)
    {
        var makers = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < proto.Node.Count; i++)
            foreach (var output in proto.Node[i].Output)
                if (output.Length > 0)
                    makers.TryAdd(output, i);
        var reader = $"node '{name}' ({proto.Node[index].OpType})";
        if (!makers.TryGetValue(input, out var maker))
            return new GraphException($"{reader} reads '{input}', which is defined nowhere.");
        if (Path(proto, makers, maker, index) is { } path)
            return new GraphException($"{reader} is in a cycle: "
                + $"'{string.Join("' <- '", path.Prepend(index).Select(i => proto.Node[i].Output[0]).Take(LongestCycle))}'. A graph has "
                + "none.");
        return new GraphException($"{reader} reads '{input}', which {proto.Node[maker].OpType} (node {maker}) makes only later. "
            + "An ONNX file lists nodes in the order in which they can run.");
    }

    // From a node back through its inputs to another; null when it does not depend on that one. Each node is looked at once.
    private static List<int>? Path(GraphProto proto, Dictionary<string, int> makers, int from, int to)
    {
        var reachedFrom = new Dictionary<int, int> { [from] = -1 };
        var queue = new Queue<int>([from]);
        while (queue.TryDequeue(out var current))
        {
            if (current == to)
            {
                var path = new List<int>();
                for (var i = current; i >= 0; i = reachedFrom[i])
                    path.Add(i);
                path.Reverse();
                return path;
            }
            foreach (var input in proto.Node[current].Input)
                if (makers.TryGetValue(input, out var maker) && reachedFrom.TryAdd(maker, current))
                    queue.Enqueue(maker);
        }
        return null;
    }
}
