using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using G2RL.Onnx.Graphs.Passes;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Tests.Kernels;

/// <summary>Passes over graphs of our operators: fewer nodes, the same bits.</summary>
[TestClass]
public sealed class GraphPassTests
{
    [TestMethod]
    public void SharedShapes_SameShapeTwice_IsMadeOnceAndNumbersStay()
    {
        Graph Written()
        {
            var graph = new Graph("twice");
            var op = new OpBuilder(graph);
            var x = graph.Input("x", ElementType.Float32, "B", "T");
            // Lengths of axes, made twice, and two equal products, which stay two.
            Value Length(int axis) => op.Slice(op.Op("Shape", [x]), 0, axis, axis + 1);
            Value Half() => op.Reshape(op.Mul(x, x), op.Concat(0, Length(1), Length(0)));
            graph.Output(op.Named("y", op.Add(Half(), Half())));
            return graph;
        }

        var (plain, shared) = (Written(), Written());
        Assert.AreEqual(6, SharedShapes.Run(shared), "three Shapes of four, two Slices and a Concat");
        Assert.AreEqual(2, shared.Nodes.Count(n => n.Op == "Mul"));
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.Of([1f, 2, 3, 4, 5, 6], 2, 3) };
        CollectionAssert.AreEqual(
            FusedRun.Of(plain, feeds, KernelWidths.Here)["y"],
            FusedRun.Of(shared, feeds, KernelWidths.Here)["y"]);
    }

    [TestMethod]
    public void UnreadOutputs_FrozenNorms_ComputeNoGradientOfTheirWeights()
    {
        using var model = new TinyModel();
        using var policy = Execution.Policy.Load(model.Folder, 40);
        var memory = new GraphMemory(Kernels: GraphKernels.Fused);
        Graph Train(Func<string, bool>? trainable) => DecoderGraph.Train(policy.Spec, PolicyLoss.CrossEntropy, trainable, memory: memory);
        int[] Outputs(Graph graph) => [.. graph.Nodes.Where(n => n.Op == "RmsNormGrad").Select(n => n.Outputs.Count).Distinct()];
        CollectionAssert.AreEqual(new[] { 2 }, Outputs(Train(null)));
        CollectionAssert.AreEqual(new[] { 1 }, Outputs(Train(name => !name.Contains("norm", StringComparison.Ordinal))));
    }

    [TestMethod]
    public void UnreadOutputs_WithAndWithout_GiveTheSameBits()
    {
        Graph Written()
        {
            var graph = new Graph("norm");
            var op = new OpBuilder(graph);
            var dy = graph.Input("dy", ElementType.Float32, 5, 24);
            var x = graph.Input("x", ElementType.Float32, 5, 24);
            var w = graph.Input("w", ElementType.Float32, 24);
            graph.Output(op.Named("dx", op.Fused("RmsNormGrad", 2, [dy, x, w], ("epsilon", 1e-5f))[0]));
            return graph;
        }

        var (both, one) = (Written(), Written());
        Assert.AreEqual(1, UnreadOutputs.Run(one));
        Assert.AreEqual(0, UnreadOutputs.Run(one), "it is gone");
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["dy"] = Numbers(3, 5, 24),
            ["x"] = Numbers(4, 5, 24),
            ["w"] = Numbers(5, 24),
        };
        CollectionAssert.AreEqual(
            FusedRun.Of(both, feeds, KernelWidths.Here)["dx"],
            FusedRun.Of(one, feeds, KernelWidths.Here)["dx"]);
    }

    private static TensorData Numbers(int seed, params long[] shape)
    {
        var random = new Random(seed);
        return TensorData.Of(
            [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextSingle() - 0.5f)],
            shape);
    }
}
