using System.Numerics;
using System.Runtime.InteropServices;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

/// <summary>
/// ONNX Runtime's CPU provider has no float64 kernels for a few operators. This rewrites a graph so that float64 nodes of them are computed
/// by others, to float64 precision: softplus x = ln(1 + e^x), erf by its power series (|x| below 2).
/// </summary>
internal static class Float64Stand
{
    private static readonly Dictionary<string, Func<OpBuilder, Value, Value>> Stands = new(StringComparer.Ordinal)
    {
        ["Softplus"] = (op, x) => op.Log(op.Add(op.Exp(x), op.Like(x, 1))),
        ["Erf"] = Erf,
    };

    public static IEnumerable<string> Operators => Stands.Keys;

    /// <summary>The same graph: inputs by name, outputs by order.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="widen">Whether every float32 becomes a float64.</param>
    public static Graph Rewrite(Graph graph, bool widen = false)
    {
        var copy = new Graph(graph.Name, graph.Opset);
        var op = new OpBuilder(copy);
        var map = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        foreach (var input in graph.Inputs)
            map.Add(input, copy.Input(input.Name, widen ? Wide(input.Type) : input.Type, [.. input.Shape]));
        foreach (var constant in graph.Initializers)
            map.Add(constant, copy.Initializer(constant.Name, widen ? Wide(constant.Constant!) : constant.Constant!));
        foreach (var node in graph.Nodes)
        {
            if (map[node.Inputs[0]!].Type == ElementType.Float64 && Stands.TryGetValue(node.Op, out var stand))
            {
                map.Add(node.Outputs[0]!, stand(op, map[node.Inputs[0]!]));
                continue;
            }
            var made = copy.Add(
                node.Op,
                [.. node.Inputs.Select(i => i is null ? null : map[i])],
                widen ? Wide(node) : node.Attributes,
                [.. node.Outputs.Select(o => o is null ? "" : $"copy.{o.Name}")],
                node.Domain);
            for (var i = 0; i < node.Outputs.Count; i++)
                if (node.Outputs[i] is { } output)
                    map.Add(output, made.Outputs[i]!);
        }
        foreach (var output in graph.Outputs)
            copy.Output(map[output]);
        return copy;
    }

    private static ElementType Wide(ElementType type) => type == ElementType.Float32 ? ElementType.Float64 : type;

    private static TensorData Wide(TensorData data) => data.Type == ElementType.Float32
        ? TensorData.Of(Array.ConvertAll(MemoryMarshal.Cast<byte, float>(data.Bytes.Span).ToArray(), v => (double)v), [.. data.Shape])
        : data;

    private static Dictionary<string, AttributeValue> Wide(Node node) => node.Attributes.ToDictionary(
        a => a.Key,
        a => a.Value.Tensor is { } tensor ? Wide(tensor) : node.Op == "Cast" ? (long)Wide((ElementType)a.Value.Int!) : a.Value,
        StringComparer.Ordinal);

    // 2/sqrt(pi) sum_n (-1)^n x^(2n+1) / (n! (2n+1)), by Horner's rule in x^2; 40 terms leave 4^40/40! = 1e-24 at x = 2.
    private static Value Erf(OpBuilder op, Value x)
    {
        var square = op.Mul(x, x);
        Value? sum = null;
        for (var n = 40; n >= 0; n--)
        {
            var coefficient = op.Like(x, (n % 2 == 0 ? 1 : -1) / ((double)Factorial(n) * ((2 * n) + 1)));
            sum = sum is null ? coefficient : op.Add(op.Mul(sum, square), coefficient);
        }
        return op.Mul(op.Mul(sum!, x), op.Like(x, 2 / Math.Sqrt(Math.PI)));
    }

    private static BigInteger Factorial(int n) => n < 2 ? 1 : n * Factorial(n - 1);
}
