using System.Numerics;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

/// <summary>
/// ONNX Runtime's CPU provider has no float64 kernels for a few operators. This rewrites a graph so that float64 nodes of them are computed by others,
/// to float64 precision: softplus x = ln(1 + e^x), erf by its power series (|x| below 2).
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
    public static Graph Rewrite(Graph graph)
    {
        var copy = new Graph(graph.Name, graph.Opset);
        var op = new OpBuilder(copy);
        var map = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        foreach (var input in graph.Inputs)
            map.Add(input, copy.Input(input.Name, input.Type, [.. input.Shape]));
        foreach (var constant in graph.Initializers)
            map.Add(constant, copy.Initializer(constant.Name, constant.Constant!));
        foreach (var node in graph.Nodes)
        {
            if (node.Inputs[0]!.Type == ElementType.Float64 && Stands.TryGetValue(node.Op, out var stand))
            {
                map.Add(node.Outputs[0]!, stand(op, map[node.Inputs[0]!]));
                continue;
            }
            var made = copy.Add(node.Op, [.. node.Inputs.Select(i => i is null ? null : map[i])], node.Attributes, [.. node.Outputs.Select(o => o is null ? "" : $"copy.{o.Name}")], node.Domain);
            for (var i = 0; i < node.Outputs.Count; i++)
                if (node.Outputs[i] is { } output)
                    map.Add(output, made.Outputs[i]!);
        }
        foreach (var output in graph.Outputs)
            copy.Output(map[output]);
        return copy;
    }

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
