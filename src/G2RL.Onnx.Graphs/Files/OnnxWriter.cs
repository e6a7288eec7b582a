using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf;

namespace G2RL.Onnx.Files;

/// <summary>Turns a graph into the messages of an ONNX file.</summary>
internal static class OnnxWriter
{
    // Names, nodes and shapes need their share of the 2^31 - 1 bytes.
    private const long MostInlineBytes = 2_000_000_000;

    /// <param name="graph">The graph.</param>
    /// <param name="places">Constants that lie in a data file.</param>
    /// <param name="inlineOthers">Whether constants that lie in another model's data file are copied into this one; otherwise they stay
    /// references.</param>
    public static ModelProto ToModel(Graph graph, IReadOnlyDictionary<Value, ExternalData>? places = null, bool inlineOthers = false)
    {
        var inline =
            graph.Initializers.Where(v => places?.ContainsKey(v) != true && (inlineOthers || v.Constant!.External is null)).ToHashSet();
        if (inline.Sum(v => v.Constant!.Length) is > MostInlineBytes and var total)
            throw new GraphException($"The constants of graph '{graph.Name}' have {total} bytes, more than one ONNX file holds. "
                + "Save it with external data.");
        var proto = new GraphProto { Name = graph.Name };
        proto.Input.AddRange(graph.Inputs.Select(ToProto));
        proto.Output.AddRange(graph.Outputs.Select(ToProto));
        proto.Initializer.AddRange(graph.Initializers.Select(v => inline.Contains(v)
            ? Inline(v.Name, v.Constant!, ConstantBytes.ToMemory(v))
            : Reference(v.Name, v.Constant!, places?.GetValueOrDefault(v) ?? v.Constant!.External!)));
        proto.Node.AddRange(graph.Nodes.Select(ToProto));
        // A runtime knows nothing of operators that are not its own.
        proto.ValueInfo.AddRange(graph.Nodes
            .Where(n => n.Domain == FusedOperators.Domain)
            .SelectMany(n => n.Outputs)
            .OfType<Value>()
            .Where(v => !graph.Outputs.Contains(v))
            .Select(ToProto));
        var model = new ModelProto { IrVersion = OnnxFile.IrVersion, ProducerName = "G2RL.Onnx", Graph = proto };
        model.OpsetImport.Add(new OperatorSetProto { Domain = "", Version = graph.Opset });
        foreach (var domain in graph.Nodes.Select(n => n.Domain).Where(d => d.Length > 0).Distinct().Order(StringComparer.Ordinal))
            model.OpsetImport.Add(new OperatorSetProto { Domain = domain, Version = 1 });
        return model;
    }

    private static NodeProto ToProto(Node node)
    {
        var proto = new NodeProto { Name = node.Name, OpType = node.Op, Domain = node.Domain };
        proto.Input.AddRange(node.Inputs.Select(i => i?.Name ?? ""));
        proto.Output.AddRange(node.Outputs.Select(o => o?.Name ?? ""));
        proto.Attribute.AddRange(node.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => ToProto(a.Key, a.Value)));
        return proto;
    }

    private static AttributeProto ToProto(string name, AttributeValue value)
    {
        var proto = new AttributeProto { Name = name };
        switch (value)
        {
            case { Int: { } i }:
                (proto.Type, proto.I) = (AttributeProto.Types.Kind.Int, i);
                break;
            case { Float: { } f }:
                (proto.Type, proto.F) = (AttributeProto.Types.Kind.Float, f);
                break;
            case { Text: { } s }:
                (proto.Type, proto.S) = (AttributeProto.Types.Kind.String, ByteString.CopyFromUtf8(s));
                break;
            case { Ints: { } ints }:
                proto.Type = AttributeProto.Types.Kind.Ints;
                proto.Ints.AddRange(ints);
                break;
            case { Floats: { } floats }:
                proto.Type = AttributeProto.Types.Kind.Floats;
                proto.Floats.AddRange(floats);
                break;
            case { Tensor: { IsHere: true } tensor }:
                (proto.Type, proto.T) = (AttributeProto.Types.Kind.Tensor, Inline("", tensor, tensor.Bytes));
                break;
            default:
                throw new GraphException($"Attribute '{name}' has no value here.");
        }
        return proto;
    }

    private static TensorProto Inline(string name, TensorData data, ReadOnlyMemory<byte> bytes)
    {
        var proto = new TensorProto { Name = name, DataType = (int)data.Type, RawData = UnsafeByteOperations.UnsafeWrap(bytes) };
        proto.Dims.AddRange(data.Shape);
        return proto;
    }

    private static TensorProto Reference(string name, TensorData data, ExternalData place)
    {
        var proto = new TensorProto { Name = name, DataType = (int)data.Type, DataLocation = TensorProto.Types.Location.External };
        proto.Dims.AddRange(data.Shape);
        proto.ExternalData.Add(new StringEntry { Key = "location", Value = place.Location });
        proto.ExternalData.Add(new StringEntry { Key = "offset", Value = $"{place.Offset}" });
        proto.ExternalData.Add(new StringEntry { Key = "length", Value = $"{place.Length}" });
        return proto;
    }

    private static ValueInfoProto ToProto(Value value)
    {
        var shape = new ShapeProto();
        shape.Dim.AddRange(value.Shape.Select(d =>
            d.IsKnown ? new ShapeProto.Types.Dim { DimValue = d.Size } : new ShapeProto.Types.Dim { DimParam = d.ToString() }));
        return new ValueInfoProto
        {
            Name = value.Name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)value.Type, Shape = shape } },
        };
    }
}
