namespace G2RL.Onnx.Graphs;

/// <summary>Writes nodes once more, on other inputs.</summary>
internal static class NodeCopies
{
    /// <summary>Appends copies of nodes.</summary>
    /// <param name="op">Receives them.</param>
    /// <param name="nodes">In order; of this graph or another.</param>
    /// <param name="values">From their values to those of the copies; receives every output. A value without an entry is read as it
    /// is.</param>
    /// <returns>The copies, in order.</returns>
    public static IReadOnlyList<Node> Append(OpBuilder op, IEnumerable<Node> nodes, Dictionary<Value, Value> values)
    {
        var copies = new List<Node>();
        foreach (var node in nodes)
        {
            Value?[] inputs = [.. node.Inputs.Select(i => i is null ? null : values.GetValueOrDefault(i, i))];
            var name = node.IsDetached ? op.DetachedName(inputs[0]!) : null;
            var copy = op.Graph.Add(node.Op, inputs, node.Attributes, domain: node.Domain, name: name, outputCount: node.Outputs.Count);
            for (var i = 0; i < node.Outputs.Count; i++)
                if (node.Outputs[i] is { } output)
                    values[output] = copy.Outputs[i]!;
            copies.Add(copy);
        }
        return copies;
    }
}
