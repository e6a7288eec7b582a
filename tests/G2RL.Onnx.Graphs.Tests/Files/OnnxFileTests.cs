using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf;

namespace G2RL.Onnx.Graphs.Tests.Files;

[TestClass]
public sealed class OnnxFileTests
{
    [TestMethod]
    [DataRow("mixed")]
    [DataRow("train")]
    public void Bytes_ReadAndWritten_AreTheSame(string name)
    {
        var graph = name == "mixed" ? SampleGraphs.Mixed() : SampleGraphs.Train();
        var bytes = OnnxFile.ToBytes(graph);
        var read = OnnxFile.FromBytes(bytes, "x.onnx");
        CollectionAssert.AreEqual(bytes, OnnxFile.ToBytes(read));
        CollectionAssert.AreEqual(
            graph.Nodes.SelectMany(n => n.Outputs).Select(o => o?.ToString()).ToArray(),
            read.Nodes.SelectMany(n => n.Outputs).Select(o => o?.ToString()).ToArray());
        CollectionAssert.AreEqual(graph.Inputs.Select(i => i.ToString()).ToArray(), read.Inputs.Select(i => i.ToString()).ToArray());
    }

    [TestMethod]
    [DataRow(1024L, 1, DisplayName = "from 1 KiB on")]
    [DataRow(0L, 7, DisplayName = "all weights outside")]
    [DataRow(long.MaxValue, 0, DisplayName = "nothing outside")]
    public void Model_SavedAndLoaded_GivesTheSameResultsInTheRuntime(long from, int outside)
    {
        using var folder = new TemporaryFolder();
        var graph = SampleGraphs.Mixed();
        var expected = OrtRunner.Run(graph, SampleGraphs.MixedInputs);
        OnnxFile.Save(graph, folder["m.onnx"], new OnnxSaveSettings(from));
        CollectionAssert.AreEquivalent(outside != 0 ? new[] { "m.onnx", "m.onnx.data" } : ["m.onnx"], Files(folder));
        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(folder["m.onnx"]));
        var places = model.Graph.Initializer.Where(t => t.DataLocation == TensorProto.Types.Location.External).ToArray();
        Assert.HasCount(outside, places);
        foreach (var place in places)
            Assert.AreEqual(0, long.Parse(place.ExternalData.Single(e => e.Key == "offset").Value) % OnnxFile.Alignment);

        using (var runner = new OrtRunner(folder["m.onnx"]))
            Same(expected, runner.Run(SampleGraphs.MixedInputs));
        var read = OnnxFile.Load(folder["m.onnx"]);
        Assert.AreEqual(outside == 0, read["big"].Constant!.IsHere);
        Assert.IsTrue(read["small"].Constant!.IsHere);

        // Elsewhere, with other settings: what lay in the first model's data file is copied.
        using var other = new TemporaryFolder();
        OnnxFile.Save(read, other["copy.onnx"], new OnnxSaveSettings(2048));
        using (var runner = new OrtRunner(other["copy.onnx"]))
            Same(expected, runner.Run(SampleGraphs.MixedInputs));
        OnnxFile.Save(read, other["copy.onnx"], new OnnxSaveSettings(long.MaxValue));
        CollectionAssert.AreEquivalent(new[] { "copy.onnx" }, Files(other));
        CollectionAssert.AreEqual(OnnxFile.ToBytes(graph), File.ReadAllBytes(other["copy.onnx"]));
    }

    [TestMethod]
    public void Model_SavedOverItself_KeepsItsConstants()
    {
        using var folder = new TemporaryFolder();
        OnnxFile.Save(SampleGraphs.Mixed(), folder["m.onnx"]);
        var (model, data) = (File.ReadAllBytes(folder["m.onnx"]), File.ReadAllBytes(folder["m.onnx.data"]));
        OnnxFile.Save(OnnxFile.Load(folder["m.onnx"]), folder["m.onnx"]);
        CollectionAssert.AreEqual(model, File.ReadAllBytes(folder["m.onnx"]));
        CollectionAssert.AreEqual(data, File.ReadAllBytes(folder["m.onnx.data"]));
    }

    // Sparse on every file system that tests run on, so it costs neither memory nor 3 GiB of disk.
    [TestMethod]
    public void Model_BeyondTwoGigabytes_IsWrittenAndRead()
    {
        using var folder = new TemporaryFolder();
        const long rows = 3L << 20;
        var graph = new Graph("large");
        var op = new OpBuilder(graph);
        var table = graph.Initializer("table", TensorData.Streamed(
            ElementType.Float32,
            [rows, 256],
            stream => stream.SetLength(stream.Position = stream.Position + (rows * 1024))));
        var last = graph.Initializer("last", TensorData.Of([.. Enumerable.Repeat(7f, 256)], 256));
        graph.Output(op.Named("y", op.Add(op.Gather(table, graph.Input("i", ElementType.Int64, "N")), last)));
        StringAssert.Contains(Assert.ThrowsExactly<GraphException>(() => OnnxFile.ToBytes(graph)).Message, "external data");
        OnnxFile.Save(graph, folder["m.onnx"]);
        Assert.IsGreaterThan(3L << 30, new FileInfo(folder["m.onnx.data"]).Length);
        Assert.IsLessThan(4096, new FileInfo(folder["m.onnx"]).Length);
        var read = OnnxFile.Load(folder["m.onnx"]);
        Assert.AreEqual(rows * 1024, read["table"].Constant!.External!.Length);
        Assert.AreEqual(rows * 1024, read["last"].Constant!.External!.Offset);
        using var runner = new OrtRunner(folder["m.onnx"]);
        var y = runner.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["i"] = TensorData.Of([rows - 1], 1) })[0];
        Assert.AreEqual(7f, BitConverter.ToSingle(y.Bytes.Span));
    }

    [TestMethod]
    public void Save_ThatFails_LeavesTheOldModelAndNoRest()
    {
        using var folder = new TemporaryFolder();
        OnnxFile.Save(SampleGraphs.Mixed(), folder["m.onnx"]);
        var before = File.ReadAllBytes(folder["m.onnx"]);
        var graph = new Graph("short");
        graph.Output(graph.Initializer("w", TensorData.Streamed(ElementType.Float32, [1000], stream => stream.Write(new byte[3999]))));
        StringAssert.Contains(
            Assert.ThrowsExactly<GraphException>(() => OnnxFile.Save(graph, folder["m.onnx"])).Message,
            "'w' wrote 3999 bytes; Float32 [1000] needs 4000");
        CollectionAssert.AreEqual(before, File.ReadAllBytes(folder["m.onnx"]));
        CollectionAssert.AreEquivalent(new[] { "m.onnx", "m.onnx.data" }, Files(folder));
    }

    [TestMethod]
    public void Constant_InAFileThatIsNotKnown_CannotBeCopied()
    {
        using var folder = new TemporaryFolder();
        var graph = new Graph("g");
        graph.Output(graph.Initializer("w", new TensorData(ElementType.Float32, [1000], default, new ExternalData("w.bin", 0, 4000))));
        StringAssert.Contains(
            Assert.ThrowsExactly<GraphException>(() => OnnxFile.Save(graph, folder["m.onnx"])).Message,
            "'w' lies in 'w.bin'");
        // As bytes it stays a reference, with or without its file.
        var read = OnnxFile.FromBytes(OnnxFile.ToBytes(graph), "x.onnx");
        Assert.AreEqual(graph["w"].Constant!.External, read["w"].Constant!.External);
    }

    // The elements 1, 2 (or 1, 0 as Bool) of each type in the field that the format has for it.
    [TestMethod]
    public void Elements_InTypedFields_AreReadAsBytes()
    {
        var fields = new (ElementType Type, TensorProto Tensor, byte[] Bytes)[]
        {
            (ElementType.Float32, new() { FloatData = { 1, 2 } }, [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]),
            (ElementType.Float64, new() { DoubleData = { 1, 2 } }, [0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40]),
            (ElementType.Int64, new() { Int64Data = { 1, -2 } }, [1, 0, 0, 0, 0, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
            (ElementType.Int32, new() { Int32Data = { 1, -2 } }, [1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF]),
            (ElementType.Int8, new() { Int32Data = { 1, -2 } }, [1, 0xFE]),
            (ElementType.UInt8, new() { Int32Data = { 1, 255 } }, [1, 255]),
            (ElementType.Bool, new() { Int32Data = { 1, 0 } }, [1, 0]),
            (ElementType.Float16, new() { Int32Data = { 0x3C00, 0x4000 } }, [0, 0x3C, 0, 0x40]),
            (ElementType.BFloat16, new() { Int32Data = { 0x3F80, 0x4000 } }, [0x80, 0x3F, 0, 0x40]),
        };
        Assert.HasCount(Enum.GetValues<ElementType>().Length, fields);
        foreach (var (type, tensor, bytes) in fields)
        {
            (tensor.Name, tensor.DataType) = ("w", (int)type);
            tensor.Dims.Add(2);
            var model = OnnxWriter.ToModel(new Graph("g"));
            model.Graph.Initializer.Add(tensor);
            CollectionAssert.AreEqual(bytes, OnnxFile.FromBytes(model.ToByteArray(), "x")["w"].Constant!.Bytes.ToArray(), type.ToString());
        }
    }

    // Files of other tools: nodes without names, the long name of ONNX's own operator set, declared shapes with names of their own, axes
    // without a name.
    [TestMethod]
    public void Model_OfAnotherTool_IsRead()
    {
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, "B", "T");
        graph.Output(op.Named("y", op.Exp(op.Exp(op.Concat(0, x, x)))));
        var model = OnnxWriter.ToModel(graph);
        model.OpsetImport[0].Domain = "ai.onnx";
        model.Graph.Node[0].Name = "Exp_1";
        model.Graph.Node[1].Name = model.Graph.Node[2].Name = "";
        model.Graph.Node[1].Domain = "ai.onnx";
        model.Graph.Output[0].Type.TensorType.Shape.Dim[0].DimParam = "twice as many";
        model.Graph.Input[0].Type.TensorType.Shape.Dim[1].ClearValue();
        var read = OnnxFile.FromBytes(model.ToByteArray(), "x.onnx");
        Assert.AreEqual("y: Float32[2*B, (x.1)]", read["y"].ToString());
        Assert.AreEqual(4, read.Nodes.Select(n => n.Name).Distinct().Count());
        Assert.AreEqual("", read.Nodes[1].Domain);
    }

    private static string[] Files(TemporaryFolder folder) => [.. Directory.GetFiles(folder.Path).Select(f => Path.GetFileName(f))];

    private static void Same(IReadOnlyList<TensorData> expected, IReadOnlyList<TensorData> actual)
    {
        Assert.HasCount(expected.Count, actual);
        for (var i = 0; i < expected.Count; i++)
            CollectionAssert.AreEqual(expected[i].Bytes.ToArray(), actual[i].Bytes.ToArray());
    }
}
