using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>
/// A graph in bfloat16 for a host that has no kernels of that type: each of ONNX's operators reads its bfloat16 inputs widened, computes in
/// float32 and rounds its results back, which is what products on a device do with their sums. Operators of ours stay as they are.
/// </summary>
internal static class WidenedGraph
{
    /// <summary>The same graph; inputs and outputs of bfloat16 are taken and given in float32.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="change">What a node reads instead of its inputs: a planted fault.</param>
    public static Graph Of(Graph graph, Func<Node, Value?[], Value?[]>? change = null)
    {
        var result = new Graph(graph.Name, graph.Opset);
        var made = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        var casts = 0;
        Value Cast(Value value, ElementType to, string? name = null) => result.Add(
            "Cast",
            [value],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["to"] = (long)to },
            name is null ? null : [name],
            name: $"Widened_{casts++}").Outputs[0]!;
        foreach (var input in graph.Inputs)
            made[input] = input.Type == ElementType.BFloat16
                ? Cast(result.Input(input.Name, ElementType.Float32, [.. input.Shape]), ElementType.BFloat16, input.Name + ".rounded")
                : result.Input(input.Name, input.Type, [.. input.Shape]);
        foreach (var constant in graph.Initializers)
            made[constant] = result.Initializer(constant.Name, constant.Constant!);
        foreach (var node in graph.Nodes)
        {
            Value?[] inputs = [.. node.Inputs.Select(i => i is null ? null : made[i])];
            inputs = change?.Invoke(node, inputs) ?? inputs;
            var widens = node.Op != "Cast" && node.Domain != FusedOperators.Domain
                && node.Inputs.Concat(node.Outputs).Any(v => v?.Type == ElementType.BFloat16);
            if (widens)
                inputs = [.. inputs.Select(i => i?.Type == ElementType.BFloat16 ? Cast(i, ElementType.Float32) : i)];
            string[] names = [.. node.Outputs.Select(o =>
                o is null ? "" : widens && o.Type == ElementType.BFloat16 ? o.Name + ".wide" : o.Name)];
            var outputs = result.Add(node.Op, inputs, node.Attributes, names, node.Domain, node.Name).Outputs;
            for (var i = 0; i < outputs.Count; i++)
                if (node.Outputs[i] is { } output)
                    made[output] = widens && output.Type == ElementType.BFloat16
                        ? Cast(outputs[i]!, ElementType.BFloat16, output.Name)
                        : outputs[i]!;
        }
        foreach (var output in graph.Outputs)
            result.Output(made[output]);
        return result;
    }
}
