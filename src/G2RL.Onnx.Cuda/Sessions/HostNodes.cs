using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>
/// The nodes of a graph that ONNX Runtime runs on the host. It keeps arithmetic on shapes there even where a kernel exists, which costs
/// next to nothing; any other node costs a copy there and back in every run.
/// </summary>
internal static class HostNodes
{
    // Names in a message.
    private const int Longest = 8;

    // Of nodes that ONNX Runtime has made itself no type is known. It writes these where it simplifies a selection from a shape, and as the
    // provider has kernels for every type of them, nothing but the rule about shapes puts them on the host.
    private static readonly string[] Selections = ["Gather", "Slice", "Squeeze", "Unsqueeze"];

    /// <summary>Those that do not belong there: whose results are more than a few whole numbers.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="placement">Where the session has put its nodes.</param>
    public static NodePlacement[] Beyond(Graph graph, IEnumerable<NodePlacement> placement)
    {
        var nodes = graph.Nodes.ToDictionary(n => n.Name, StringComparer.Ordinal);
        return [.. placement.Where(p => p.Provider != NodePlacement.Cuda
            && !(nodes.TryGetValue(p.Name, out var node) ? IsShapeArithmetic(node) : Selections.Contains(p.Operator)))];
    }

    /// <summary>The warning about them.</summary>
    public static string Describe(Graph graph, IReadOnlyCollection<NodePlacement> host) =>
        $"ONNX Runtime runs {host.Count} of the {graph.Nodes.Count} nodes of the graph '{graph.Name}' on the CPU, with a copy there and "
            + "back in every run: "
        + $"{string.Join(", ", host.Take(Longest).Select(p => p.Name))}{(host.Count > Longest ? ", ..." : "")}. The results are right and "
        + "the run is slower. "
        + "Please report it with the version of ONNX Runtime.";

    private static bool IsShapeArithmetic(Node node) =>
        node.Outputs.All(o => o is null || (o.Type is ElementType.Int64 or ElementType.Int32 or ElementType.Bool && o.Shape.Count <= 1));
}
