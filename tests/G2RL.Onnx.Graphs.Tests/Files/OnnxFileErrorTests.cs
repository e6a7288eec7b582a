using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf;
using Kind = G2RL.Onnx.Graphs.Wire.AttributeProto.Types.Kind;

namespace G2RL.Onnx.Graphs.Tests.Files;

/// <summary>Each fault of a file, planted into a good one; the message names the file and the place.</summary>
[TestClass]
public sealed class OnnxFileErrorTests
{
    private static readonly Dictionary<string, (string Named, Action<ModelProto> Plant)> Faults = new(StringComparer.Ordinal)
    {
        ["no graph"] = ("no graph", m => m.Graph = null),
        ["no operator set"] = ("operator set versions []", m => m.OpsetImport.Clear()),
        ["an old operator set"] = ("versions [12]", m => m.OpsetImport[0].Version = 12),
        ["a future operator set"] = ("versions [4294967317]", m => m.OpsetImport[0].Version = (1L << 32) + 21),
        ["two operator sets"] = ("versions [21, 20]", m => m.OpsetImport.Add(new OperatorSetProto { Version = 20 })),
        ["unknown input name"] = ("'first' (Exp) reads 'nothing', which is defined nowhere", m => m.Graph.Node[0].Input[0] = "nothing"),
        ["a cycle"] = ("in a cycle: 'a' <- 'c' <- 'b' <- 'a'", m => m.Graph.Node[0].Input[0] = "c"),
        ["a node that reads itself"] = ("in a cycle: 'a' <- 'a'", m => m.Graph.Node[0].Input[0] = "a"),
        ["nodes in another order"] = ("'second' (Exp) reads 'a', which Exp (node 1) makes only later",
            m => (m.Graph.Node[0], m.Graph.Node[1]) = (m.Graph.Node[1].Clone(), m.Graph.Node[0].Clone())),
        ["a value defined twice"] = ("defines 'a' twice", m => m.Graph.Node[1].Output[0] = "a"),
        ["an input twice"] = ("defines 'x' twice", m => m.Graph.Input.Add(m.Graph.Input[0].Clone())),
        ["a constant twice"] = ("defines 'w' twice", m => m.Graph.Initializer.Add(m.Graph.Initializer[0].Clone())),
        ["an input that is a constant"] = ("'x' is an input and a constant", m => m.Graph.Initializer[0].Name = "x"),
        ["a node name twice"] = ("two nodes named 'first'", m => m.Graph.Node[1].Name = "first"),
        ["a nameless input"] = ("has no name", m => m.Graph.Input[0].Name = ""),
        ["a node without outputs"] = ("'first' (Exp) has no outputs", m => m.Graph.Node[0].Output.Clear()),
        ["unknown output"] = ("output 'nothing' is defined nowhere", m => m.Graph.Output[0].Name = "nothing"),
        ["an output twice"] = ("'d' of graph 'g' is declared twice", m => m.Graph.Output.Add(m.Graph.Output[0].Clone())),
        ["unknown described value"] = ("value_info 'nothing' is defined nowhere", m => m.Graph.ValueInfo.Add(Info(m, "nothing"))),
        ["unknown operator"] = ("'Frobnicate' (node 'first')", m => m.Graph.Node[0].OpType = "Frobnicate"),
        ["unknown domain"] = ("'ai.example::Exp' (node 'first')", m => m.Graph.Node[0].Domain = "ai.example"),
        ["inputs that conflict"] = ("MatMul 'product' has inner lengths 4 and 5", m => m.Graph.Initializer[0] = Tensor("w", 5, 3)),
        ["another declared type"] = ("'d: Float32[B, 3]' is declared as Int64", m => m.Graph.Output[0].Type.TensorType.ElemType = 7),
        ["another declared length"] =
            ("'d: Float32[B, 3]' is declared with the shape [B, 4]", m => m.Graph.Output[0].Type.TensorType.Shape.Dim[1].DimValue = 4),
        ["another declared rank"] =
            ("'d: Float32[B, 3]' is declared with the shape [B]", m => m.Graph.Output[0].Type.TensorType.Shape.Dim.RemoveAt(1)),
        ["another described length"] = ("'a: Float32[B, 4]' is declared with the shape [B, 3]", m => m.Graph.ValueInfo.Add(Info(m, "a"))),
        ["a negative length"] = ("axis 1 of 'x' has length -4", m => m.Graph.Input[0].Type.TensorType.Shape.Dim[1].DimValue = -4),
        ["a length that is no name"] = ("axis 0 of 'x': 'B**T'", m => m.Graph.Input[0].Type.TensorType.Shape.Dim[0].DimParam = "B**T"),
        ["an input without a shape"] = ("input 'x' declares no shape", m => m.Graph.Input[0].Type.TensorType.Shape = null),
        ["an input of many axes"] = ("input 'x' has 66 axes", m =>
            m.Graph.Input[0].Type.TensorType.Shape.Dim.Add(Enumerable.Range(0, 64).Select(_ => new ShapeProto.Types.Dim { DimValue = 1 }))),
        ["an input that is no tensor"] = ("'x' is declared as something other than a tensor", m => m.Graph.Input[0].Type = new TypeProto()),
        ["an input of strings"] = ("'x' has element type 8", m => m.Graph.Input[0].Type.TensorType.ElemType = 8),
        ["a constant of strings"] = ("constant 'w' has element type 8", m => m.Graph.Initializer[0].DataType = 8),
        ["too few bytes"] =
            ("constant 'w' has 47 bytes; Float32 [4, 3] needs 48", m => m.Graph.Initializer[0].RawData = ByteString.CopyFrom(new byte[47])),
        ["too few elements"] = ("constant 'w' has 1 elements; Float32 [4, 3] needs 12", m => Typed(m, t => t.FloatData.Add(1))),
        ["elements of another type"] =
            ("constant 'w' holds its elements in more than one field", m => Typed(m, t => t.DoubleData.Add(new double[12]))),
        ["elements in two fields"] =
            ("constant 'w' holds its elements in more than one field", m => m.Graph.Initializer[0].FloatData.Add(new float[12])),
        ["a number too large for its type"] = ("constant 'w' is Int8 and holds 128 at element 11; -128 to 127",
            m => Typed(m, t => (t.DataType, _) = (3, Add(t, [.. new int[11], 128])))),
        ["a truth value of 2"] = ("constant 'w' is Bool and holds a byte other than 0 and 1",
            m => (m.Graph.Initializer[0].DataType, m.Graph.Initializer[0].RawData) = (9, ByteString.CopyFrom([.. new byte[11], 2]))),
        ["a negative axis"] = ("constant 'w' has the shape [-4, 3]", m => m.Graph.Initializer[0].Dims[0] = -4),
        ["a shape beyond 64 bits"] = ("constant 'w' has the shape [4294967296, 4294967296]",
            m => (m.Graph.Initializer[0].Dims[0], m.Graph.Initializer[0].Dims[1]) = (1L << 32, 1L << 32)),
        ["a large shape without data"] =
            ("constant 'w' has 48 bytes; Float32 [1099511627776, 3] needs 13194139533312", m => m.Graph.Initializer[0].Dims[0] = 1L << 40),
        ["a sparse constant"] = ("constant 's' is sparse",
            m => m.Graph.SparseInitializer.Add(new SparseTensorProto { Values = new TensorProto { Name = "s" } })),
        ["a subgraph"] = ("attribute 'then_branch' of If 'first' is a subgraph", m => m.Graph.Node[0] = new NodeProto
        {
            Name = "first",
            OpType = "If",
            Input = { "x" },
            Output = { "a" },
            Attribute = { new AttributeProto { Name = "then_branch", Type = Kind.Graph } },
        }),
        ["an attribute of another kind"] = ("attribute 'axis' of Exp 'first' is of kind Strings",
            m => m.Graph.Node[0].Attribute.Add(new AttributeProto { Name = "axis", Type = Kind.Strings })),
        ["an attribute twice"] = ("attribute 'axis' of Exp 'first' is given twice",
            m => m.Graph.Node[0].Attribute.Add([new() { Name = "axis", Type = Kind.Int }, new() { Name = "axis", Type = Kind.Int }])),
        ["an attribute of a function"] = ("refers to the attribute 'axis' of a function",
            m => m.Graph.Node[0].Attribute.Add(new AttributeProto { Name = "axis", Type = Kind.Int, RefAttrName = "axis" })),
        ["an attribute that is no text"] = ("attribute 'mode' of Exp 'first' is no UTF-8 text",
            m => m.Graph.Node[0].Attribute.Add(new AttributeProto { Name = "mode", Type = Kind.String, S = ByteString.CopyFrom(0xFF) })),
        ["an attribute's tensor outside"] = ("attribute 'value' of Exp 'first' is of kind Tensor",
            m => m.Graph.Node[0].Attribute.Add(new AttributeProto
            {
                Name = "value",
                Type = Kind.Tensor,
                T = new TensorProto { DataLocation = TensorProto.Types.Location.External },
            })),
        ["an unknown data location"] =
            ("constant 'w' has data location 7", m => m.Graph.Initializer[0].DataLocation = (TensorProto.Types.Location)7),
        ["data inside and outside"] =
            ("constant 'w' holds elements and names external data", m => External(m, "w.bin").RawData = ByteString.CopyFrom(new byte[48])),
        ["data outside that is inside"] = ("constant 'w' has data location 0 and 1 entries",
            m => m.Graph.Initializer[0].ExternalData.Add(new StringEntry { Key = "location", Value = "w.bin" })),
        ["no location"] = ("names the data file '', which is empty", m => External(m, "")),
        ["a path that leads up"] = ("'../w.bin', which leads through", m => External(m, "../w.bin")),
        ["a path that leads up inside"] = ("'sub/../../w.bin', which leads through", m => External(m, "sub/../../w.bin")),
        ["an absolute path"] = ("'/etc/passwd', which is an absolute path", m => External(m, "/etc/passwd")),
        ["a path of another system"] = ("'..\\w.bin', which holds a character", m => External(m, "..\\w.bin")),
        ["a drive"] = ("'c:w.bin', which holds a character", m => External(m, "c:w.bin")),
        ["a path with a zero"] = ("which holds a character that is not allowed", m => External(m, "w.bin\0")),
        ["a file that is missing"] = ("names the data file 'other.bin'; ", m => External(m, "other.bin")),
        ["a folder as a file"] = ("names the data file 'sub'; ", m => External(m, "sub")),
        ["a link"] = ("'link.bin' is a link", m => External(m, "link.bin")),
        ["a link on the way"] = ("'link' is a link", m => External(m, "link/w.bin")),
        ["a negative offset"] = ("constant 'w' gives the offset '-1'", m => External(m, "w.bin", offset: "-1")),
        ["an offset beyond 64 bits"] =
            ("constant 'w' gives the offset '9223372036854775808'", m => External(m, "w.bin", offset: "9223372036854775808")),
        ["an end beyond 64 bits"] = ("constant 'w' ends beyond 2^63 bytes", m => External(m, "w.bin", offset: $"{long.MaxValue - 47}")),
        ["an end beyond the file"] = ("constant 'w' lies at 17 to 65 of ", m => External(m, "w.bin", offset: "17")),
        ["another length"] = ("constant 'w' has 44 bytes; Float32 [4, 3] needs 48", m => External(m, "w.bin", length: "44")),
        ["a key twice"] = ("constant 'w' gives 'location' of its external data twice",
            m => External(m, "w.bin").ExternalData.Add(new StringEntry { Key = "location", Value = "w.bin" })),
    };

    private static IEnumerable<object[]> FaultNames => Faults.Keys.Select(k => new object[] { k });

    [TestMethod]
    [DynamicData(nameof(FaultNames))]
    public void Model_WithAFault_IsRefusedByName(string fault)
    {
        if (OperatingSystem.IsWindows() && fault.StartsWith("a link", StringComparison.Ordinal))
            Assert.Inconclusive("links need a privilege on Windows");
        using var folder = Folder();
        var model = Good();
        Faults[fault].Plant(model);
        File.WriteAllBytes(folder["m.onnx"], model.ToByteArray());
        var message = Assert.ThrowsExactly<InputException>(() => OnnxFile.Load(folder["m.onnx"])).Message;
        StringAssert.Contains(message, "m.onnx");
        StringAssert.Contains(message, Faults[fault].Named);
    }

    [TestMethod]
    public void Model_WithoutAFault_IsRead()
    {
        using var folder = Folder();
        File.WriteAllBytes(folder["m.onnx"], Good().ToByteArray());
        Assert.AreEqual("d: Float32[B, 3]", OnnxFile.Load(folder["m.onnx"])["d"].ToString());
        // The same constant at the end of a data file of 64 bytes; its elements are the bytes 16 to 63.
        var model = Good();
        External(model, "w.bin", offset: "16");
        File.WriteAllBytes(folder["m.onnx"], model.ToByteArray());
        CollectionAssert.AreEqual(
            Enumerable.Range(16, 48).Select(i => (byte)i).ToArray(),
            OnnxFile.Load(folder["m.onnx"])["w"].Constant!.Bytes.ToArray());
    }

    [TestMethod]
    [DataRow(new byte[0], "no graph", DisplayName = "empty")]
    [DataRow(new byte[] { 0xFF, 0xFF, 0xFF }, "no ONNX model, or is truncated", DisplayName = "no message")]
    [DataRow(
        new byte[] { 0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07 },
        "no ONNX model, or is truncated",
        DisplayName = "a graph of 2 GiB in six bytes")]
    public void Bytes_ThatAreNoModel_AreRefused(byte[] bytes, string named) =>
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => OnnxFile.FromBytes(bytes, "m.onnx")).Message, named);

    [TestMethod]
    public void OptionalOutput_LeftOut_StaysOut()
    {
        var graph = Inference.ShapeCases.All.First(c => c.Op == "com.microsoft::GroupQueryAttention").Graph().Graph;
        var model = OnnxWriter.ToModel(graph);
        model.Graph.Node[0].Output[1] = model.Graph.Node[0].Output[2] = "";
        for (var i = 2; i > 0; i--)
            model.Graph.Output.RemoveAt(i);
        var read = OnnxFile.FromBytes(model.ToByteArray(), "m.onnx");
        CollectionAssert.AreEqual(new[] { true, false, false }, read.Nodes[0].Outputs.Select(o => o is not null).ToArray());
        CollectionAssert.AreEqual(model.ToByteArray(), OnnxFile.ToBytes(read));
    }

    [TestMethod]
    public void File_ThatIsMissing_IsNamed() =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => OnnxFile.Load("no/such.onnx")).Message,
            "no/such.onnx cannot be read: it does not exist");

    // x [B, 4] -> Exp a -> Exp b -> Exp c -> MatMul w [4, 3] -> d [B, 3]
    private static ModelProto Good()
    {
        var graph = new Graph("g");
        Value value = graph.Input("x", ElementType.Float32, "B", 4);
        var weight = graph.Initializer("w", TensorData.Of(new float[12], 4, 3));
        foreach (var (name, output) in new[] { ("first", "a"), ("second", "b"), ("third", "c") })
            value = graph.Add("Exp", [value], outputNames: [output], name: name).Outputs[0]!;
        graph.Output(graph.Add("MatMul", [value, weight], outputNames: ["d"], name: "product").Outputs[0]!);
        return OnnxWriter.ToModel(graph);
    }

    private static TemporaryFolder Folder()
    {
        var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["w.bin"], [.. Enumerable.Range(0, 64).Select(i => (byte)i)]);
        Directory.CreateDirectory(folder["sub"]);
        File.WriteAllBytes(Path.Combine(folder["sub"], "w.bin"), new byte[64]);
        if (OperatingSystem.IsWindows())
            return folder;
        File.CreateSymbolicLink(folder["link.bin"], folder["w.bin"]);
        Directory.CreateSymbolicLink(folder["link"], folder["sub"]);
        return folder;
    }

    private static ValueInfoProto Info(ModelProto model, string name)
    {
        var info = model.Graph.Output[0].Clone();
        info.Name = name;
        return info;
    }

    private static TensorProto Tensor(string name, params long[] shape) => new()
    {
        Name = name,
        DataType = 1,
        Dims = { shape },
        RawData = ByteString.CopyFrom(new byte[4 * shape.Aggregate((a, b) => a * b)]),
    };

    private static void Typed(ModelProto model, Action<TensorProto> fill)
    {
        model.Graph.Initializer[0].RawData = ByteString.Empty;
        fill(model.Graph.Initializer[0]);
    }

    private static bool Add(TensorProto tensor, int[] values)
    {
        tensor.Int32Data.Add(values);
        return true;
    }

    private static TensorProto External(ModelProto model, string location, string offset = "0", string length = "48")
    {
        var tensor = model.Graph.Initializer[0];
        (tensor.RawData, tensor.DataLocation) = (ByteString.Empty, TensorProto.Types.Location.External);
        tensor.ExternalData.Add([
            new() { Key = "location", Value = location },
            new() { Key = "offset", Value = offset },
            new() { Key = "length", Value = length },
        ]);
        return tensor;
    }
}
