using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>
/// Whether the graphs that the backend runs in a narrow type have a CUDA kernel for every node: products in the type, the rest in float32,
/// casts between.
/// </summary>
[TestClass]
public sealed class MixedPrecisionCoverageTests
{
    private static readonly CudaKernelTable Table = CudaKernelTable.Load();

    public static IEnumerable<object[]> Architectures => Decoders.All.Keys.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Architectures))]
    public void Lower_GraphsOfEveryArchitecture_HaveACudaKernelForEveryNode(string architecture)
    {
        var spec = Decoders.All[architecture];
        var weights = spec.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        Graph[] graphs =
        [
            DecoderGraph.Decode(spec, CudaOperators.Opset, CacheAttention.Grouped),
            DecoderGraph.Body(spec, CudaOperators.Opset),
            DecoderGraph.Logits(spec, CudaOperators.Opset),
            DecoderGraph.Train(
                spec,
                PolicyLoss.Objective(new(KlCoefficient: 0.1, EntropyCoefficient: 0.1)),
                opset: CudaOperators.Opset,
                scaled: true),
        ];
        // Float16 first: the runtime at hand tells the versions of operators, and takes no bfloat16.
        foreach (var type in new[] { ElementType.Float16, ElementType.BFloat16 })
            foreach (var graph in graphs)
                Assert.AreEqual("", string.Join("; ", OperatorUse.Of(MixedPrecision.Lower(graph, type, weights))
                    .Select(Table.Fault)
                    .OfType<string>()
                    .Distinct(StringComparer.Ordinal)), $"{graph.Name} in {type}");
    }
}
