using System.Text;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf;

namespace G2RL.Onnx.Files;

/// <summary>Turns the bytes of an ONNX file into a graph: every name, type, shape and size is checked on the way.</summary>
/// <param name="source">What messages name.</param>
/// <param name="folder">Where external data lies, or null.</param>
internal sealed class OnnxReader(string source, string? folder)
{
    // Reductions take their axes as inputs, as the shape rules have it, from 13 on; 26 is the newest that was looked at.
    private const int OldestOpset = 13;
    private const int NewestOpset = 26;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly OnnxTensors tensors = new(folder);

    public Graph Read(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return ToGraph(ModelProto.Parser.ParseFrom(bytes));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InputException($"{source} is no ONNX model, or is truncated: {e.Message}", e);
        }
        catch (GraphException e)
        {
            throw new InputException($"{source}: {e.Message}", e);
        }
    }

    private Graph ToGraph(ModelProto model)
    {
        if (model.Graph is not { } proto)
            throw new GraphException("there is no graph in it. It is no ONNX model, or is truncated.");
        var graph = new Graph(proto.Name, Opset(model));
        foreach (var sparse in proto.SparseInitializer)
            throw new GraphException($"constant '{sparse.Values?.Name}' is sparse; only dense ones can be read.");
        foreach (var input in proto.Input)
            AddInput(graph, input);
        foreach (var tensor in proto.Initializer)
            graph.Initializer(NotAnInput(graph, tensor.Name), tensors.Read(tensor, $"constant '{tensor.Name}'"));
        AddNodes(graph, proto);
        foreach (var output in proto.Output)
        {
            Require(graph, output.Name, "output");
            Agree(graph.Output(graph[output.Name]), output);
        }
        foreach (var value in proto.ValueInfo)
        {
            Require(graph, value.Name, "value_info");
            Agree(graph[value.Name], value);
        }
        return graph;
    }

    private static int Opset(ModelProto model)
    {
        var versions = model.OpsetImport.Where(o => o.Domain is "" or "ai.onnx").Select(o => o.Version).Distinct().ToArray();
        return versions is [>= OldestOpset and <= NewestOpset and var version]
            ? (int)version
            : throw new GraphException($"it imports the operator set versions [{string.Join(", ", versions)}] of ONNX; "
                + $"one from {OldestOpset} to {NewestOpset} can be read.");
    }

    private static void AddInput(Graph graph, ValueInfoProto input)
    {
        var tensor = Tensor(input);
        if (tensor.Shape is null)
            throw new GraphException($"input '{input.Name}' declares no shape; its number of axes must be known.");
        if (tensor.Shape.Dim.Count > Graph.MaxRank)
            throw new GraphException($"input '{input.Name}' has {tensor.Shape.Dim.Count} axes; {Graph.MaxRank} is the most.");
        graph.Input(
            input.Name,
            (ElementType)tensor.ElemType,
            [.. tensor.Shape.Dim.Select((d, i) => Length(d, input.Name, i) ?? Unnamed(input.Name, i))]);
    }

    // An axis without number and name is an axis of its own.
    private static Dimension Unnamed(string value, int axis) =>
        Dimension.FromSymbol($"({value.Replace('(', '_').Replace(')', '_')}.{axis})");

    private static TypeProto.Types.Tensor Tensor(ValueInfoProto value)
    {
        if (value.Type?.TensorType is not { } tensor)
            throw new GraphException($"'{value.Name}' is declared as something other than a tensor.");
        if (!Enum.IsDefined((ElementType)tensor.ElemType))
            throw new GraphException($"'{value.Name}' has element type {tensor.ElemType}; these can be read: {OnnxTensors.TypeNames}.");
        return tensor;
    }

    private static Dimension? Length(ShapeProto.Types.Dim dim, string value, int axis)
    {
        switch (dim.ValueCase)
        {
            case ShapeProto.Types.Dim.ValueOneofCase.DimValue:
                return dim.DimValue >= 0
                    ? (Dimension)dim.DimValue
                    : throw new GraphException($"axis {axis} of '{value}' has length {dim.DimValue}; it is 0 or more.");
            case ShapeProto.Types.Dim.ValueOneofCase.DimParam when dim.DimParam.Length > 0:
                try
                {
                    return Dimension.Parse(dim.DimParam);
                }
                catch (Exception e) when (e is ArgumentException or OverflowException)
                {
                    throw new GraphException($"axis {axis} of '{value}': {e.Message}", e);
                }

            default:
                return null;
        }
    }

    private static string NotAnInput(Graph graph, string name) => graph.Contains(name) && graph.Inputs.Any(i => i.Name == name)
        ? throw new GraphException($"'{name}' is an input and a constant. An input with a default value is not supported: "
            + "delete it from the inputs.")
        : name;

    private void AddNodes(Graph graph, GraphProto proto)
    {
        var names = proto.Node.Select(n => n.Name).ToHashSet(StringComparer.Ordinal);
        for (var i = 0; i < proto.Node.Count; i++)
        {
            var node = proto.Node[i];
            var name = node.Name;
            for (var tries = 0; name.Length == 0 || (node.Name.Length == 0 && !names.Add(name)); tries++)
                name = tries == 0 ? $"{node.OpType}_{i}" : $"{node.OpType}_{i}_{tries}";
            if (node.Output.Count == 0)
                throw new GraphException($"node '{name}' ({node.OpType}) has no outputs.");
            var attributes = Attributes(node, name);
            var inputs = node.Input.Select(input =>
                input.Length == 0 ? null : graph.Contains(input) ? graph[input] : throw OnnxOrder.Unknown(proto, i, name, input)).ToArray();
            graph.Add(node.OpType, inputs, attributes, node.Output, node.Domain == "ai.onnx" ? "" : node.Domain, name);
        }
    }

    private Dictionary<string, AttributeValue> Attributes(NodeProto node, string name)
    {
        var attributes = new Dictionary<string, AttributeValue>(StringComparer.Ordinal);
        foreach (var attribute in node.Attribute)
            if (!attributes.TryAdd(attribute.Name, Attribute(attribute, $"attribute '{attribute.Name}' of {node.OpType} '{name}'")))
                throw new GraphException($"attribute '{attribute.Name}' of {node.OpType} '{name}' is given twice.");
        return attributes;
    }

    private AttributeValue Attribute(AttributeProto attribute, string holder)
    {
        if (attribute.RefAttrName.Length > 0)
            throw new GraphException($"{holder} refers to the attribute '{attribute.RefAttrName}' of a function; "
                + "functions are not supported.");
        switch (attribute.Type)
        {
            case AttributeProto.Types.Kind.Int:
                return attribute.I;
            case AttributeProto.Types.Kind.Float:
                return attribute.F;
            case AttributeProto.Types.Kind.Ints:
                return attribute.Ints.ToArray();
            case AttributeProto.Types.Kind.Floats:
                return new AttributeValue { Floats = [.. attribute.Floats] };
            case AttributeProto.Types.Kind.String:
                try
                {
                    return Utf8.GetString(attribute.S.Span);
                }
                catch (DecoderFallbackException e)
                {
                    throw new GraphException($"{holder} is no UTF-8 text.", e);
                }

            case AttributeProto.Types.Kind.Tensor when attribute.T is { DataLocation: TensorProto.Types.Location.Default } tensor:
                return tensors.Read(tensor, holder);
            case AttributeProto.Types.Kind.Graph or AttributeProto.Types.Kind.Graphs:
                throw new GraphException($"{holder} is a subgraph; operators that hold graphs (If, Loop, Scan) are not supported.");
            default:
                throw new GraphException($"{holder} is of kind {attribute.Type}; integers, numbers, lists of them, texts and tensors "
                    + "inside the model can be read.");
        }
    }

    private static void Require(Graph graph, string name, string where)
    {
        if (!graph.Contains(name))
            throw new GraphException($"{where} '{name}' is defined nowhere: no input, constant or node of graph '{graph.Name}' gives it.");
    }

    // What the file declares must not contradict what the rules infer; a symbol contradicts nothing.
    private static void Agree(Value value, ValueInfoProto declared)
    {
        var tensor = Tensor(declared);
        if ((ElementType)tensor.ElemType != value.Type)
            throw new GraphException($"'{value}' is declared as {(ElementType)tensor.ElemType}.");
        if (tensor.Shape is not { } shape)
            return;
        var lengths = shape.Dim.Select((d, i) => Length(d, value.Name, i)).ToArray();
        if (lengths.Length != value.Rank
            || lengths.Where((d, i) => d is { IsKnown: true } && value.Shape[i].IsKnown && d != value.Shape[i]).Any())
            throw new GraphException($"'{value}' is declared with the shape "
                + $"[{string.Join(", ", lengths.Select(d => d?.ToString() ?? "?"))}].");
    }
}
