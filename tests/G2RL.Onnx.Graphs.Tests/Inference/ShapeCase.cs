namespace G2RL.Onnx.Graphs.Tests.Inference;

/// <summary>One use of an operator, with symbolic axes where it allows them.</summary>
/// <param name="Op">The operator, as <see cref="ShapeRules.All"/> names it.</param>
/// <param name="Name">What is special about the case.</param>
/// <param name="Build">Declares inputs and returns the outputs to be compared.</param>
/// <param name="Feeds">Inputs that must hold something particular; others get 0.5 to 1.5, or 0 and 1 in turn.</param>
internal sealed record ShapeCase(
    string Op,
    string Name,
    Func<OpBuilder, IReadOnlyList<Value>> Build,
    IReadOnlyDictionary<string, TensorData>? Feeds = null)
{
    public override string ToString() => $"{Op}: {Name}";

    /// <summary>The graph, every value that the case returns an output.</summary>
    public (Graph Graph, IReadOnlyList<Value> Values) Graph()
    {
        var graph = new Graph("case");
        var values = Build(new OpBuilder(graph));
        foreach (var value in values)
            graph.Output(value);
        return (graph, values);
    }

    /// <summary>Something for every input.</summary>
    public Dictionary<string, TensorData> Inputs(Graph graph, AxisLengths lengths) =>
        graph.Inputs.ToDictionary(
            i => i.Name,
            i => Feeds?.GetValueOrDefault(i.Name) ?? Some(i.Type, [.. i.Shape.Select(d => lengths.Of(d)!.Value)]),
            StringComparer.Ordinal);

    private static TensorData Some(ElementType type, long[] shape)
    {
        var count = shape.Aggregate(1L, (a, b) => a * b);
        var bytes = new MemoryStream();
        for (var i = 0; i < count; i++)
            bytes.Write(type switch
            {
                ElementType.Float32 => BitConverter.GetBytes(0.5f + ((i * 7 % 11) / 11f)),
                ElementType.Float64 => BitConverter.GetBytes(0.5 + ((i * 7 % 11) / 11.0)),
                ElementType.Float16 => BitConverter.GetBytes((Half)(0.5f + ((i * 7 % 11) / 11f))),
                ElementType.Int64 => BitConverter.GetBytes((long)(i % 2)),
                ElementType.Int32 => BitConverter.GetBytes(i % 2),
                _ => [(byte)(i % 2)],
            });
        return new TensorData(type, shape, bytes.ToArray());
    }
}
