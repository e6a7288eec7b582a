using System.Text.Json.Nodes;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf;

namespace G2RL.Onnx.Converter.Tests;

/// <summary>ONNX files of other programs: described although they hold what is not read here.</summary>
[TestClass]
public sealed class ForeignOnnxTests
{
    [TestMethod]
    public void Inspect_NamesWhatItDoesNotKnow_AndStillReports()
    {
        using var folder = new TemporaryFolder();
        var model = new ModelProto
        {
            IrVersion = 9,
            ProducerName = "somebody",
            ProducerVersion = "1.2",
            Graph = new GraphProto
            {
                Name = "foreign",
                Input =
                {
                    Value("x", 1, new() { DimParam = "N" }, new() { DimValue = 3 }),
                    new ValueInfoProto { Name = "list", Type = new() { SequenceType = new() } },
                },
                Output = { Value("y", 17), new ValueInfoProto { Name = "odd" } },
                Initializer =
                {
                    new TensorProto
                    {
                        Name = "w",
                        DataType = 1,
                        Dims = { 3, 5 },
                        DataLocation = TensorProto.Types.Location.External,
                        ExternalData =
                            { new StringEntry { Key = "location", Value = "../w.bin" }, new StringEntry { Key = "length", Value = "60" } },
                    },
                    new TensorProto { Name = "huge", DataType = 99, Dims = { long.MaxValue, long.MaxValue } },
                },
                Node =
                {
                    new NodeProto { OpType = "Conv", Input = { "x", "w" }, Output = { "c" } },
                    new NodeProto { OpType = "Fancy", Domain = "org.example", Input = { "c" }, Output = { "f" } },
                    new NodeProto
                    {
                        OpType = "If",
                        Input = { "f" },
                        Output = { "y" },
                        Attribute = { Branch("then_branch"), Branch("else_branch") },
                    },
                },
            },
            OpsetImport = { new OperatorSetProto { Version = 12 }, new OperatorSetProto { Domain = "org.example", Version = 3 } },
        };
        File.WriteAllBytes(folder["f.onnx"], model.ToByteArray());
        var facts = JsonNode.Parse(ConverterRun.Done("inspect", folder["f.onnx"], "--json"))!;
        Assert.AreEqual("""["Conv","Fancy","If","Loop"]""", new JsonArray([.. facts["unknown_operators"]!.AsArray()
            .Select(n => (JsonNode)n!.GetValue<string>().Split("::")[^1])
            .OrderBy(n => n.ToString(), StringComparer.Ordinal)]).ToJsonString());
        CollectionAssert.Contains(facts["unknown_operators"]!.AsArray().Select(n => n!.GetValue<string>()).ToArray(), "org.example::Fancy");
        Assert.AreEqual(7, facts["nodes"]!.GetValue<int>());
        Assert.AreEqual(2, facts["operators"]!["Add"]!.GetValue<int>());
        Assert.AreEqual("somebody 1.2", facts["producer"]!.GetValue<string>());
        Assert.AreEqual("""["org.example 3"]""", facts["other_opsets"]!.ToJsonString());
        Assert.AreEqual("x: Float32[N, 3]", facts["inputs"]![0]!.GetValue<string>());
        StringAssert.Contains(facts["outputs"]![0]!.GetValue<string>(), "type 17");
        Assert.AreEqual(long.MaxValue, facts["constant_elements"]!.GetValue<long>());
        StringAssert.Contains(facts["external_files"]![0]!.GetValue<string>(), "leads through '.', '..'");
        StringAssert.Contains(facts["not_readable"]!.GetValue<string>(), "[12]");
        Assert.AreEqual(0, ConverterRun.Of("inspect", folder["f.onnx"]).Code);
    }

    [TestMethod]
    public void Inspect_OfOurOwn_KnowsEveryOperator()
    {
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", TestModels.Write(folder["model"], TestModels.Qwen3), folder["onnx"]);
        foreach (var name in (string[])["decode", "score", "train"])
        {
            var facts = JsonNode.Parse(ConverterRun.Done("inspect", Path.Combine(folder["onnx"], name + ".onnx"), "--json"))!.AsObject();
            Assert.IsEmpty(facts["unknown_operators"]!.AsArray());
            Assert.IsFalse(facts.ContainsKey("not_readable"), facts.ToJsonString());
        }
    }

    [TestMethod]
    public void Inspect_OfNoModel_SaysSo()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x.onnx"], [1, 2, 3, 255]);
        StringAssert.Contains(ConverterRun.Refused("inspect", folder["x.onnx"]), "no ONNX model");
        File.WriteAllBytes(folder["empty.onnx"], []);
        StringAssert.Contains(ConverterRun.Refused("inspect", folder["empty.onnx"]), "no graph in it");
    }

    // A loop in a branch, so that subgraphs of subgraphs are counted.
    private static AttributeProto Branch(string name) => new()
    {
        Name = name,
        Type = AttributeProto.Types.Kind.Graph,
        G = new GraphProto
        {
            Node = { new NodeProto { OpType = "Loop", Attribute = { new AttributeProto
        {
            Name = "body",
            Type = AttributeProto.Types.Kind.Graph,
            G = new GraphProto { Node = { new NodeProto { OpType = "Add" } } },
        } } } }
        },
    };

    private static ValueInfoProto Value(string name, int type, params ShapeProto.Types.Dim[] axes) => new()
    {
        Name = name,
        Type = new() { TensorType = new() { ElemType = type, Shape = new() { Dim = { axes } } } },
    };
}
