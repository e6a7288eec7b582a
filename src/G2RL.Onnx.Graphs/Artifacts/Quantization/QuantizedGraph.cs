using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Artifacts;

/// <summary>A matrix that a graph shall read in few bits.</summary>
/// <param name="Bits">Bits of a weight.</param>
/// <param name="Inputs">K.</param>
/// <param name="Outputs">N.</param>
/// <param name="Settings">Block size, zero points and accuracy level.</param>
internal sealed record QuantizedMatrix(int Bits, int Inputs, int Outputs, QuantizationSettings Settings);

/// <summary>Writes a graph anew with MatMulNBits in the place of each Gemm whose weight is to be quantised.</summary>
internal static class QuantizedGraph
{
    public const string Codes = ".codes";
    public const string Scales = ".scales";
    public const string Zeros = ".zeros";

    /// <summary>
    /// The new graph: the input NAME of each quantised matrix gives way to NAME.codes, NAME.scales and, with zero points, NAME.zeros.
    /// </summary>
    /// <exception cref="GraphException">Something other than a Gemm reads one of the matrices.</exception>
    public static Graph Of(Graph graph, IReadOnlyDictionary<string, QuantizedMatrix> matrices)
    {
        var result = new Graph(graph.Name, graph.Opset);
        foreach (var input in graph.Inputs)
            if (matrices.TryGetValue(input.Name, out var matrix))
                AddInputs(result, input.Name, matrix);
            else
                result.Input(input.Name, input.Type, [.. input.Shape]);
        foreach (var constant in graph.Initializers)
            result.Initializer(constant.Name, constant.Constant!);
        foreach (var node in graph.Nodes)
            if (node.Op == "Gemm" && matrices.TryGetValue(node.Inputs[1]!.Name, out var matrix))
                AddProduct(result, node, matrix);
            else if (node.Inputs.FirstOrDefault(input => input is not null && matrices.ContainsKey(input.Name)) is { } read)
                throw new GraphException($"'{read.Name}' is read by {node.Op} '{node.Name}' of graph '{graph.Name}'; "
                    + "only a Gemm's weight can be quantised.");
            else
                result.Add(
                    node.Op,
                    [.. node.Inputs.Select(input => Same(result, input))],
                    node.Attributes,
                    [.. node.Outputs.Select(output => output?.Name ?? "")],
                    node.Domain,
                    node.Name);
        foreach (var output in graph.Outputs)
            result.Output(result[output.Name]);
        return result;
    }

    private static void AddInputs(Graph graph, string name, QuantizedMatrix matrix)
    {
        var quantizer = matrix.Settings.Quantizer(matrix.Bits, matrix.Inputs);
        graph.Input(name + Codes, ElementType.UInt8, matrix.Outputs, quantizer.Blocks, quantizer.BlockBytes);
        graph.Input(name + Scales, ElementType.Float32, (long)matrix.Outputs * quantizer.Blocks);
        if (matrix.Settings.ZeroPoints)
            graph.Input(name + Zeros, ElementType.UInt8, (long)matrix.Outputs * quantizer.ZeroBytes);
    }

    private static void AddProduct(Graph graph, Node gemm, QuantizedMatrix matrix)
    {
        var weight = gemm.Inputs[1]!.Name;
        var attributes = new Dictionary<string, AttributeValue>(StringComparer.Ordinal)
        {
            ["K"] = matrix.Inputs,
            ["N"] = matrix.Outputs,
            ["bits"] = matrix.Bits,
            ["block_size"] = matrix.Settings.BlockSize,
            ["accuracy_level"] = matrix.Settings.AccuracyLevel,
        };
        List<Value?> inputs = [Same(graph, gemm.Inputs[0]), graph[weight + Codes], graph[weight + Scales]];
        if (matrix.Settings.ZeroPoints)
            inputs.Add(graph[weight + Zeros]);
        var bias = gemm.Inputs.Count > 2 ? Same(graph, gemm.Inputs[2]) : null;
        var output = gemm.Outputs[0]!.Name;
        // The operator's own bias input is younger than the operator; a sum is understood everywhere.
        var product = graph.Add(
            "MatMulNBits",
            inputs,
            attributes,
            [bias is null ? output : output + ".product"],
            "com.microsoft",
            gemm.Name).Outputs[0]!;
        if (bias is not null)
            graph.Add("Add", [product, bias], outputNames: [output]);
    }

    private static Value? Same(Graph graph, Value? value) => value is null ? null : graph[value.Name];
}
