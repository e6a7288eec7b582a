using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf;

namespace G2RL.Onnx.Graphs;

/// <summary>Graphs as ONNX protobuf files.</summary>
public static class OnnxFile
{
    /// <summary>IR version that is written; the newest that the ORT training runtime reads.</summary>
    public const int IrVersion = 10;

    /// <summary>The graph as the bytes of an ONNX model.</summary>
    public static byte[] ToBytes(Graph graph) => ToModel(graph).ToByteArray();

    internal static ModelProto ToModel(Graph graph)
    {
        var proto = new GraphProto { Name = graph.Name };
        proto.Input.AddRange(graph.Inputs.Select(ToProto));
        proto.Output.AddRange(graph.Outputs.Select(ToProto));
        proto.Initializer.AddRange(graph.Initializers.Select(v => ToProto(v.Name, v.Constant!)));
        proto.Node.AddRange(graph.Nodes.Select(ToProto));
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "G2RL.Onnx", Graph = proto };
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
            case { Tensor: { } tensor }:
                (proto.Type, proto.T) = (AttributeProto.Types.Kind.Tensor, ToProto("", tensor));
                break;
            default:
                throw new GraphException($"Attribute '{name}' has no value.");
        }
        return proto;
    }

    private static TensorProto ToProto(string name, TensorData data)
    {
        var proto = new TensorProto { Name = name, DataType = (int)data.Type };
        proto.Dims.AddRange(data.Shape);
        if (data.External is { } external)
        {
            proto.DataLocation = TensorProto.Types.Location.External;
            proto.ExternalData.Add(new StringEntry { Key = "location", Value = external.Location });
            proto.ExternalData.Add(new StringEntry { Key = "offset", Value = $"{external.Offset}" });
            proto.ExternalData.Add(new StringEntry { Key = "length", Value = $"{external.Length}" });
        }
        else
        {
            proto.RawData = ByteString.CopyFrom(data.Bytes.Span);
        }
        return proto;
    }

    private static ValueInfoProto ToProto(Value value)
    {
        var shape = new ShapeProto();
        shape.Dim.AddRange(value.Shape.Select(d => d.IsKnown ? new ShapeProto.Types.Dim { DimValue = d.Size } : new ShapeProto.Types.Dim { DimParam = d.ToString() }));
        return new ValueInfoProto { Name = value.Name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)value.Type, Shape = shape } } };
    }
}
