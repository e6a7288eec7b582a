using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Graphs.Passes;

/// <summary>
/// Common subexpressions among shapes: nodes that make the same integers of the same inputs become one. Larger values are not shared, since
/// to be read again they would have to be held, which recomputation is there to avoid.
/// </summary>
public static class SharedShapes
{
    /// <summary>Merges them.</summary>
    /// <returns>Nodes that went.</returns>
    public static int Run(Graph graph)
    {
        var before = graph.Nodes.Count;
        var outputs = new HashSet<Value>(graph.Outputs, ReferenceEqualityComparer.Instance);
        var (instead, first) = (new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance), new Dictionary<string, Node>());
        foreach (var node in graph.Nodes)
        {
            if (node.Inputs.Any(i => i is not null && instead.ContainsKey(i)))
                node.Inputs = [.. node.Inputs.Select(i => i is null ? null : instead.GetValueOrDefault(i, i))];
            if (!IsShape(node) || node.Outputs.Any(o => outputs.Contains(o!)))
                continue;
            if (first.TryAdd(KeyOf(node), node))
                continue;
            var kept = first[KeyOf(node)];
            for (var i = 0; i < node.Outputs.Count; i++)
                instead[node.Outputs[i]!] = kept.Outputs[i]!;
        }
        graph.Prune();
        return before - graph.Nodes.Count;
    }

    private static bool IsShape(Node node) =>
        node.Domain.Length == 0 && !node.IsDetached && node.Attributes.Values.All(a => a.Tensor is null)
        && node.Outputs.All(o => o is { Type: ElementType.Int64, Rank: <= 1 });

    private static string KeyOf(Node node)
    {
        var key = new StringBuilder(node.Op).Append('/').Append(node.Outputs.Count);
        foreach (var input in node.Inputs)
            key.Append('/').Append(input?.Name);
        foreach (var (name, value) in node.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal))
            key.Append(CultureInfo.InvariantCulture, $"/{name}={value.Int}{value.Float:R}{value.Text}")
                .AppendJoin(',', value.Ints ?? [])
                .AppendJoin(',', value.Floats ?? []);
        return key.ToString();
    }
}
