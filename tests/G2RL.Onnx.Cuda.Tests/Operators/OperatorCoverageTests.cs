using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>
/// Whether every node of every graph has a kernel in ONNX Runtime's CUDA provider: a node without one runs on the host, silently, with a
/// copy there and back. The provider itself runs nowhere here; its published table is held against the graphs.
/// </summary>
[TestClass]
public sealed class OperatorCoverageTests
{
    private static readonly CudaKernelTable Table = CudaKernelTable.Load();

    public static IEnumerable<object[]> Architectures => Decoders.All.Keys.Select(name => new object[] { name });

    public static IEnumerable<object[]> Losses => LossTable.All.Keys.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Architectures))]
    public void Graphs_OfEveryArchitecture_HaveACudaKernelForEveryNode(string architecture)
    {
        var spec = Decoders.All[architecture];
        Graph[] graphs =
        [
            DecoderGraph.Decode(spec, CudaOperators.Opset, CacheAttention.Plain),
            DecoderGraph.Body(spec, CudaOperators.Opset),
            DecoderGraph.Head(spec, withLogits: true, CudaOperators.Opset),
            DecoderGraph.Logits(spec, CudaOperators.Opset),
            DecoderGraph.Features(spec, CudaOperators.Opset),
            Train(spec, CudaOperators.Opset),
        ];
        foreach (var graph in graphs)
            Assert.AreEqual("", Faults(OperatorUse.Of(graph)), $"{architecture} {graph.Name}");
    }

    [TestMethod]
    [DynamicData(nameof(Losses))]
    public void TrainGraphs_OfEveryLossAndDivergence_HaveACudaKernelForEveryNode(string loss)
    {
        foreach (var kl in KlEstimators.All.Keys)
        {
            var settings = new PolicyLossSettings(KlCoefficient: 0.1, EntropyCoefficient: 0.1)
            {
                Loss = loss,
                Kl = kl,
                LogRatioClamp = 3,
                KlInputClamp = 2,
                KlOutputClamp = 5,
                KlOverRatio = true,
                Corrected = true,
                RatioLimit = 4,
                SkipMasked = true,
            };
            if (LossTable.All[loss].DualClip)
                settings = settings with { DualClip = 3 };
            Assert.AreEqual("", Faults(OperatorUse.Of(Train(Decoders.All[Qwen3], CudaOperators.Opset, settings))), $"{loss} {kl}");
        }
    }

    // The default operator set of the CPU graphs, of which the published table alone does not tell it: KernelTableTests asks the provider.
    [TestMethod]
    public void Graphs_InOperatorSet21_HaveACudaKernelForEveryNodeToo()
    {
        var graphs = Decoders.All.Values.SelectMany(spec => new[] { DecoderGraph.Decode(spec, 21, CacheAttention.Plain), Train(spec, 21) })
            .Concat(LossTable.All.Keys.Select(loss => Train(Decoders.All[Qwen3], 21, new() { Loss = loss })));
        Assert.AreEqual("", Faults(graphs.SelectMany(OperatorUse.Of)));
    }

    [TestMethod]
    [DynamicData(nameof(Architectures))]
    public void GroupedAttention_HasACudaKernelInHalfPrecisionOnly(string architecture)
    {
        var uses = OperatorUse.Of(DecoderGraph.Decode(Decoders.All[architecture], CudaOperators.Opset))
            .Where(u => u.Operator == "com.microsoft::GroupQueryAttention")
            .ToArray();
        Assert.IsNotEmpty(uses);
        Assert.AreEqual("com.microsoft::GroupQueryAttention-1: no kernel for input 0 of Float32", Faults(uses));
        Assert.AreEqual("", Faults(uses.Select(u => u.In(ElementType.Float16))));
        Assert.AreEqual("", Faults(uses.Select(u => u.In(ElementType.BFloat16))));
    }

    // What a graph in half precision has to keep in float32, all architectures and losses taken together.
    [TestMethod]
    [DataRow(ElementType.Float16, "")]
    [DataRow(ElementType.BFloat16, "Clip Equal Greater GreaterOrEqual Less LessOrEqual Log LogSoftmax Pad ReduceMean ReduceMin TopK")]
    public void HalfPrecision_OfEveryNode_LacksTheseKernels(ElementType type, string lacking)
    {
        var uses = Decoders.All.Values.SelectMany(spec => new[]
        {
            DecoderGraph.Decode(spec, CudaOperators.Opset, CacheAttention.Plain),
            DecoderGraph.Head(spec, opset: CudaOperators.Opset),
            Train(spec, CudaOperators.Opset),
        }).SelectMany(OperatorUse.Of)
            .Concat(LossTable.All.Keys.SelectMany(loss =>
                OperatorUse.Of(Train(Decoders.All[Qwen3], CudaOperators.Opset, new() { Loss = loss }))));
        var faults = uses.Where(u => Table.Fault(u.In(type)) is not null)
            .Select(u => u.Operator)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal);
        Assert.AreEqual(lacking, string.Join(' ', faults));
    }

    // An operator that the project may write and the table does not know is a gap of the fixture.
    [TestMethod]
    public void Table_KnowsEveryOperatorOfTheShapeRules() => Assert.AreEqual(
        // The first is for an adapter's base in 8 bits, which the CUDA backend refuses by name; ORT's training API alone has the second.
        // Our own operators are the host's; no graph for a device holds one, or it would be without a kernel above.
        "DequantizeLinear com.microsoft::InPlaceAccumulatorV2",
        string.Join(' ', ShapeRules.All.Keys.Except(Table.Operators, StringComparer.Ordinal)
            .Where(name => !name.StartsWith("g2rl::", StringComparison.Ordinal))));

    private const string Qwen3 = "Qwen3ForCausalLM";

    private static Graph Train(DecoderSpec spec, int opset, PolicyLossSettings? settings = null) =>
        DecoderGraph.Train(spec, PolicyLoss.Objective(settings ?? new(KlCoefficient: 0.1, EntropyCoefficient: 0.1)), opset: opset);

    private static string Faults(IEnumerable<OperatorUse> uses) =>
        string.Join("; ", uses.Select(Table.Fault).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
}
