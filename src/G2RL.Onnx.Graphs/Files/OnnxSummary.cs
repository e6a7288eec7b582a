using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf;

namespace G2RL.Onnx.Files;

/// <summary>
/// What an ONNX file holds, as the file itself says: for people, and for models with operators, types or control flow that
/// <see cref="OnnxFile"/> does not read. Nothing is checked or followed, and no external data is opened.
/// </summary>
public sealed record OnnxSummary
{
    /// <summary>Version of the file format.</summary>
    public required long IrVersion { get; init; }

    /// <summary>Who wrote it.</summary>
    public required string Producer { get; init; }

    /// <summary>The graph's name.</summary>
    public required string Name { get; init; }

    /// <summary>Operator sets and their versions; ONNX's own is "".</summary>
    public required IReadOnlyList<(string Domain, long Version)> Opsets { get; init; }

    /// <summary>Nodes, those of subgraphs included.</summary>
    public required int Nodes { get; init; }

    /// <summary>Domain-qualified operators and how often they are used, subgraphs included.</summary>
    public required IReadOnlyDictionary<string, int> Operators { get; init; }

    /// <summary>Those that <see cref="ShapeRules"/> lacks.</summary>
    public IEnumerable<string> UnknownOperators =>
        Operators.Keys.Where(op => !ShapeRules.All.ContainsKey(op)).Order(StringComparer.Ordinal);

    /// <summary>Inputs as they are declared: name, type and shape.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Outputs as they are declared.</summary>
    public required IReadOnlyList<string> Outputs { get; init; }

    /// <summary>Element types of the constants, and how many constants have each.</summary>
    public required IReadOnlyDictionary<string, int> ConstantTypes { get; init; }

    /// <summary>Elements of all constants, by their declared shapes.</summary>
    public required long ConstantElements { get; init; }

    /// <summary>
    /// Data files that constants name: how many constants, and how many bytes they claim; with what is wrong with the name, if anything is.
    /// </summary>
    public required IReadOnlyList<(string Location, int Constants, long Bytes, string? Fault)> ExternalFiles { get; init; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It is missing, or no ONNX model.</exception>
    public static OnnxSummary Read(string path)
    {
        var bytes = OnnxFile.ReadBytes(path);
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InputException($"{path} is no ONNX model, or is truncated: {e.Message}", e);
        }
        if (model.Graph is not { } graph)
            throw new InputException($"{path}: there is no graph in it. It is no ONNX model, or is truncated.");
        var (operators, nodes) = (new Dictionary<string, int>(StringComparer.Ordinal), 0);
        var constants = new List<TensorProto>();
        Collect(graph);
        return new()
        {
            IrVersion = model.IrVersion,
            Producer = $"{model.ProducerName} {model.ProducerVersion}".Trim(),
            Name = graph.Name,
            Opsets = [.. model.OpsetImport.Select(o => (o.Domain, o.Version))],
            Nodes = nodes,
            Operators = operators,
            Inputs = [.. graph.Input.Select(Shown)],
            Outputs = [.. graph.Output.Select(Shown)],
            ConstantTypes = constants.GroupBy(c => TypeName(c.DataType), StringComparer.Ordinal)
                .ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal),
            ConstantElements = constants.Aggregate(0L, (sum, c) => Saturated(sum, Elements(c))),
            ExternalFiles = [.. constants.Where(c => c.ExternalData.Count > 0).GroupBy(c => Entry(c, "location"), StringComparer.Ordinal)
                .Select(g => (g.Key, g.Count(), g.Aggregate(0L, (sum, c) => Saturated(sum, Claimed(c))), OnnxDataPath.Fault(g.Key)))],
        };

        // The parser bounds how deep subgraphs can lie in each other.
        void Collect(GraphProto part)
        {
            constants.AddRange(part.Initializer);
            constants.AddRange(part.SparseInitializer.Select(s => s.Values).OfType<TensorProto>());
            foreach (var node in part.Node)
            {
                nodes++;
                var key = node.Domain is "" or "ai.onnx" ? node.OpType : $"{node.Domain}::{node.OpType}";
                operators[key] = operators.GetValueOrDefault(key) + 1;
                foreach (var attribute in node.Attribute)
                {
                    if (attribute.G is { } inner)
                        Collect(inner);
                    foreach (var graphs in attribute.Graphs)
                        Collect(graphs);
                }
            }
        }
    }

    private static string Shown(ValueInfoProto value) => value.Type?.ValueCase switch
    {
        TypeProto.ValueOneofCase.TensorType =>
            $"{value.Name}: {TypeName(value.Type.TensorType.ElemType)}{Shape(value.Type.TensorType.Shape)}",
        TypeProto.ValueOneofCase.SequenceType => $"{value.Name}: a sequence",
        _ => $"{value.Name}: of a type that is not read",
    };

    private static string Shape(ShapeProto? shape) => shape is null
        ? " of unknown shape"
        : $"[{string.Join(", ", shape.Dim.Select(Size))}]";

    private static string Size(ShapeProto.Types.Dim size) => size.ValueCase == ShapeProto.Types.Dim.ValueOneofCase.DimValue
        ? $"{size.DimValue}"
        : size.DimParam.Length > 0 ? size.DimParam : "?";

    private static string TypeName(int number) => Enum.IsDefined((ElementType)number) ? ((ElementType)number).ToString() : $"type {number}";

    private static string Entry(TensorProto tensor, string key) => tensor.ExternalData.FirstOrDefault(e => e.Key == key)?.Value ?? "";

    private static long Claimed(TensorProto tensor) => long.TryParse(
        Entry(tensor, "length"),
        System.Globalization.NumberStyles.None,
        System.Globalization.CultureInfo.InvariantCulture,
        out var length) ? length : 0;

    private static long Elements(TensorProto tensor)
    {
        var count = (Int128)1;
        foreach (var size in tensor.Dims)
            if (size < 0 || (count *= size) > long.MaxValue)
                return size < 0 ? 0 : long.MaxValue;
        return (long)count;
    }

    // What a hostile file claims must not overflow.
    private static long Saturated(long a, long b) => a > long.MaxValue - b ? long.MaxValue : a + b;
}
