using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Graphs.Wire;
using G2RL.Onnx.TestSupport;
using Google.Protobuf;

namespace G2RL.Onnx.Graphs.Tests.Files;

/// <summary>
/// Seeded changes of good files: whatever comes of them is a checked graph or an <see cref="InputException"/>, at a cost in proportion.
/// </summary>
[TestClass]
public sealed class OnnxFileFuzzTests
{
    // The largest sample has 30 KB; a graph of it allocates about 3 MB.
    private const long MostAllocatedBytes = 32 << 20;

    [TestMethod]
    public void Bytes_FlippedCutAndSpliced_GiveAGraphOrAnInputException()
    {
        var (refused, accepted) = Fuzz(Fuzzing.Inputs, (random, samples) =>
        {
            var bytes = samples[random.Next(samples.Length)].ToList();
            var other = samples[random.Next(samples.Length)];
            for (var changes = random.Next(1, 4); changes > 0 && bytes.Count > 0; changes--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(6))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                    case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
                    case 3: bytes.Insert(at, (byte)random.Next(256)); break;
                    case 4: bytes.RemoveRange(at, bytes.Count - at); break;
                    default:
                        var start = random.Next(other.Length);
                        bytes.InsertRange(at, other.AsSpan(start, Math.Min(random.Next(64), other.Length - start)).ToArray());
                        break;
                }
            }
            return [.. bytes];
        });
        Assert.IsGreaterThan(Fuzzing.Inputs / 2, refused);
        Assert.IsGreaterThan(Fuzzing.Inputs / 100, accepted);
    }

    // Changes that keep the protobuf whole reach deeper: every field of nodes, shapes, attributes and tensors.
    [TestMethod]
    public void Messages_WithChangedFields_GiveAGraphOrAnInputException()
    {
        var (refused, accepted) = Fuzz(Fuzzing.Inputs, (random, samples) =>
        {
            var model = ModelProto.Parser.ParseFrom(samples[random.Next(samples.Length)]);
            for (var changes = random.Next(1, 4); changes > 0; changes--)
                Change(random, model.Graph);
            return model.ToByteArray();
        });
        Assert.IsGreaterThan(Fuzzing.Inputs / 2, refused);
        Assert.IsGreaterThan(Fuzzing.Inputs / 100, accepted);
    }

    // Each step doubles ranks, elements or texts unless something stops it.
    [TestMethod]
    [DataRow("ranks")]
    [DataRow("elements")]
    [DataRow("texts")]
    [DataRow("products")]
    public void SmallFiles_ThatGrowExponentially_AreCheap(string what)
    {
        var model = OnnxWriter.ToModel(new Graph("g"));
        model.Graph.Initializer.Add(new TensorProto
        {
            Name = "zero",
            DataType = 7,
            Dims = { 1, 1 },
            RawData = ByteString.CopyFrom(new byte[8]),
        });
        model.Graph.Input.Add([Vector("x", "A"), Vector("y", "B")]);
        model.Graph.Node.Add(new NodeProto { OpType = "Shape", Input = { "x" }, Output = { "v0" } });
        for (var i = 0; i < 80; i++)
            model.Graph.Node.Add(what switch
            {
                // indices of twice the rank, each time
                "ranks" => new NodeProto
                {
                    OpType = "Gather",
                    Input = { i == 0 ? "zero" : $"v{i}", i == 0 ? "zero" : $"v{i}" },
                    Output = { $"v{i + 1}" },
                },
                "elements" => Concat($"v{i}", $"v{i}", $"v{i + 1}"),
                "texts" => Concat(i == 0 ? "x" : $"v{i}", i < 2 ? "y" : $"v{i - 1}", $"v{i + 1}"),
                _ => new NodeProto { OpType = "Mul", Input = { $"v{i}", $"v{i}" }, Output = { $"v{i + 1}" } },
            });
        var before = GC.GetAllocatedBytesForCurrentThread();
        _ = Accepts(model.ToByteArray(), folder: null);
        Assert.IsLessThan(MostAllocatedBytes, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static ValueInfoProto Vector(string name, string axis) => new()
    {
        Name = name,
        Type = new() { TensorType = new() { ElemType = 7, Shape = new() { Dim = { new ShapeProto.Types.Dim { DimParam = axis } } } } },
    };

    private static NodeProto Concat(string a, string b, string output) => new()
    {
        OpType = "Concat",
        Input = { a, b },
        Output = { output },
        Attribute = { new AttributeProto { Name = "axis", Type = AttributeProto.Types.Kind.Int } },
    };

    private static (int Refused, int Accepted) Fuzz(int rounds, Func<Random, byte[][], byte[]> change)
    {
        using var folder = new TemporaryFolder();
        OnnxFile.Save(SampleGraphs.Mixed(), folder["m.onnx"], new OnnxSaveSettings(16));
        var samples =
            new[] { File.ReadAllBytes(folder["m.onnx"]), OnnxFile.ToBytes(SampleGraphs.Mixed()), OnnxFile.ToBytes(SampleGraphs.Train()) };
        var random = new Random(20250601);
        int refused = 0, accepted = 0;
        for (var round = 0; round < rounds; round++)
        {
            var bytes = change(random, samples);
            var before = GC.GetAllocatedBytesForCurrentThread();
            if (Accepts(bytes, folder.Path))
                accepted++;
            else
                refused++;
            Assert.IsLessThan(MostAllocatedBytes, GC.GetAllocatedBytesForCurrentThread() - before, $"round {round}");
        }
        Console.WriteLine($"fuzz onnx messages and bytes: {rounds} inputs, {refused} refused, {accepted} read");
        return (refused, accepted);
    }

    // An accepted graph is whole: it can be written and read again.
    private static bool Accepts(byte[] bytes, string? folder)
    {
        try
        {
            var graph = OnnxFile.FromBytes(bytes, "fuzz.onnx", folder);
            _ = OnnxFile.FromBytes(OnnxFile.ToBytes(graph), "again.onnx", folder);
            return true;
        }
        catch (InputException)
        {
            return false;
        }
    }

    private static void Change(Random random, GraphProto graph)
    {
        long Number() => random.Next(8) switch
        {
            0 =>
            0,
            1 => -1,
            2 => long.MaxValue,
            3 => long.MinValue,
            4 => 1L << random.Next(62),
            5 => -random.Next(70),
            _ => random.Next(70)
        };
        string Name() => graph.Node[random.Next(graph.Node.Count)].Output.FirstOrDefault("");
        var node = graph.Node[random.Next(graph.Node.Count)];
        var tensor = graph.Initializer[random.Next(graph.Initializer.Count)];
        var value = random.Next(2) == 0 ? graph.Input[random.Next(graph.Input.Count)] : graph.Output[random.Next(graph.Output.Count)];
        switch (random.Next(12))
        {
            case 0 when node.Input.Count > 0: node.Input[random.Next(node.Input.Count)] = Name(); break;
            case 1 when node.Input.Count > 0: node.Input.RemoveAt(random.Next(node.Input.Count)); break;
            case 2: node.Input.Add(Name()); break;
            case 3: node.OpType = ShapeRules.All.Keys.ElementAt(random.Next(ShapeRules.All.Count)).Split("::")[^1]; break;
            case 4 when node.Attribute.Count > 0: node.Attribute[random.Next(node.Attribute.Count)].I = Number(); break;
            case 5 when node.Attribute.Count > 0:
                node.Attribute[random.Next(node.Attribute.Count)].Type =
                (AttributeProto.Types.Kind)random.Next(16); break;
            case 6:
                node.Attribute.Add(new AttributeProto
                {
                    Name = new[] { "axis", "to", "perm", "start", "end", "keepdims", "num_heads", "value" }[random.Next(8)],
                    Type = random.Next(2) == 0 ? AttributeProto.Types.Kind.Int : AttributeProto.Types.Kind.Ints,
                    I = Number(),
                    Ints = { Number(), Number() },
                }); break;
            case 7 when tensor.Dims.Count > 0: tensor.Dims[random.Next(tensor.Dims.Count)] = Number(); break;
            case 8 when tensor is { DataType: 7, RawData.Length: >= 8 }:
                var bytes = tensor.RawData.ToByteArray();
                BitConverter.TryWriteBytes(bytes.AsSpan(8 * random.Next(bytes.Length / 8)), Number());
                tensor.RawData = ByteString.CopyFrom(bytes);
                break;
            case 9 when tensor.ExternalData.Count > 0:
                tensor.ExternalData[random.Next(tensor.ExternalData.Count)].Value =
                random.Next(3) switch { 0 => $"{Number()}", 1 => "../m.onnx", _ => "m.onnx" }; break;
            case 10 when value.Type.TensorType.Shape.Dim.Count > 0:
                value.Type.TensorType.Shape.Dim[0] = random.Next(2) == 0
                ? new() { DimValue = Number() }
                : new() { DimParam = new[] { "B*", "B*B", "(", "a+b*c", "3", "" }[random.Next(6)] }; break;
            default: node.Output.Add(Name() + random.Next(3)); break;
        }
    }
}
