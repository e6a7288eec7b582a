using System.Collections.Concurrent;
using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>One way in which a graph uses an operator.</summary>
/// <param name="Operator">Name, with its domain where that is not ONNX's.</param>
/// <param name="Since">The version that introduced the operator as the graph's operator set knows it.</param>
/// <param name="Inputs">Types; null where an optional input is left out.</param>
/// <param name="Outputs">Types, likewise.</param>
internal sealed record OperatorUse(string Operator, int Since, IReadOnlyList<ElementType?> Inputs, IReadOnlyList<ElementType?> Outputs)
{
    /// <summary>
    /// Every use in a graph. The versions come from the installed runtime: it says which version of an operator it took a node for.
    /// </summary>
    public static IEnumerable<OperatorUse> Of(Graph graph)
    {
        var unknown = graph.Nodes.Any(n => !Known.ContainsKey((graph.Opset, NameOf(n))));
        foreach (var (name, since) in unknown ? SinceVersions(graph) : [])
            Known[(graph.Opset, name)] = since;
        return graph.Nodes.Select(node => new OperatorUse(
            NameOf(node),
            Known[(graph.Opset, NameOf(node))],
            [.. node.Inputs.Select(i => i?.Type)],
            [.. node.Outputs.Select(o => o?.Type)]));
    }

    private static readonly ConcurrentDictionary<(int Opset, string Operator), int> Known = new();

    private static string NameOf(Node node) => node.Domain.Length == 0 ? node.Op : $"{node.Domain}::{node.Op}";

    /// <summary>The same use with floats of another type.</summary>
    public OperatorUse In(ElementType type)
    {
        ElementType? Other(ElementType? t) => t == ElementType.Float32 ? type : t;
        return this with { Inputs = [.. Inputs.Select(Other)], Outputs = [.. Outputs.Select(Other)] };
    }

    // From the runtime's own file format, in which it keeps a node's version: session > model (slot 1) > graph (7) > nodes (2) > domain,
    // since, operator.
    private static Dictionary<string, int> SinceVersions(Graph graph)
    {
        var path = Path.Combine(Path.GetTempPath(), $"g2rl-{Guid.NewGuid():N}.ort");
        try
        {
            using (var options = new SessionOptions
            {
                GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
                OptimizedModelFilePath = path,
            })
            {
                options.AddSessionConfigEntry("session.save_model_format", "ORT");
                new InferenceSession(OnnxFile.ToBytes(graph), options).Dispose();
            }
            var nodes = FlatTable.Root(File.ReadAllBytes(path), path).Table(1).Table(7);
            var versions = new Dictionary<string, int>(StringComparer.Ordinal);
            for (var i = 0; i < nodes.Count(2); i++)
            {
                var node = nodes.Item(2, i);
                var domain = node.Text(2);
                versions[string.IsNullOrEmpty(domain) ? node.Text(5)! : $"{domain}::{node.Text(5)}"] = node.Int32(3, 0);
            }
            return versions;
        }
        finally
        {
            File.Delete(path);
        }
    }
}
