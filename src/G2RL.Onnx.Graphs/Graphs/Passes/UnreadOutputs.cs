using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Graphs.Passes;

/// <summary>
/// Outputs that nobody reads are left out where an operator of ours then computes less: the gradient of a norm's weight, where that is
/// frozen.
/// </summary>
public static class UnreadOutputs
{
    // Operators whose last output may be left out.
    private static readonly HashSet<string> Optional = new(StringComparer.Ordinal) { "RmsNormGrad" };

    /// <summary>Leaves them out.</summary>
    /// <returns>Outputs that went.</returns>
    public static int Run(Graph graph)
    {
        var read = new HashSet<Value>(graph.Outputs, ReferenceEqualityComparer.Instance);
        foreach (var node in graph.Nodes)
            foreach (var input in node.Inputs)
                if (input is not null)
                    read.Add(input);
        var count = 0;
        foreach (var node in graph.Nodes)
            if (node.Domain == FusedOperators.Domain && Optional.Contains(node.Op)
                && node.Outputs is [_, .., { } last] && !read.Contains(last))
            {
                graph.LeaveLastOutput(node);
                count++;
            }
        return count;
    }
}
