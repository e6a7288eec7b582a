using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Cuda.Tests.Operators;
using G2RL.Onnx.Cuda.Training;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Tests.Backend;

/// <summary>The train graph of a device: in pieces, so that memory does not grow with vocabulary x length or length x length.</summary>
[TestClass]
public sealed class TrainingMemoryTests
{
    private const long EightyGigabytes = 80L << 30;

    /// <summary>Qwen3-1.7B's shape.</summary>
    internal static DecoderSpec Large { get; } = Decoders.All["Qwen3ForCausalLM"] with
    {
        VocabularySize = 151_936,
        HiddenSize = 2048,
        IntermediateSize = 6144,
        Layers = 28,
        Heads = 16,
        KeyValueHeads = 8,
        HeadDimension = 128,
        MaxPositions = 40_960,
        TieEmbeddings = true,
    };

    [TestMethod]
    [DataRow(2048, 8, 2, 5)]
    [DataRow(8192, 8192, 8, 19)]
    public void DeviceMemory_OfLongRows_IsInPieces(int positions, int tokens, int blocks, int chunks)
    {
        var config = new RunConfig { Training = new() { TokensPerMicrobatch = tokens, Recompute = Recomputation.None } };
        var memory = MemoryPlan.DeviceTraining(config, Large, positions, ElementType.BFloat16, EightyGigabytes);
        Assert.AreEqual((new GraphMemory(chunks, blocks), tokens), memory);
        // Our attention is one piece, whose shares are nowhere.
        config = config with { Execution = new() { Kernels = KernelChoice.Fused } };
        Assert.AreEqual(
            (new GraphMemory(chunks, Kernels: GraphKernels.Device, Packed: true), tokens),
            MemoryPlan.DeviceTraining(config, Large, positions, ElementType.BFloat16, EightyGigabytes));
    }

    // 1.7B, full fine-tuning, a row of 8,192 tokens on 80 GiB: what is left beside weights, gradients and moments holds the micro-batch.
    [TestMethod]
    public void DeviceActivations_OfALongRow_FitOnlyInPiecesAndRecomputed()
    {
        MicrobatchShape micro = new(Rows: 1, Width: 8192, Scored: 8192, Count: 1);
        long Of(GraphMemory memory) => MemoryEstimate.DeviceActivations(Large, memory, micro, 8192, ElementType.BFloat16);
        var left = EightyGigabytes - (18 * Large.ParameterCount);
        var config = new RunConfig { Training = new() { TokensPerMicrobatch = 8192 } };
        var (chosen, _) = MemoryPlan.DeviceTraining(config, Large, 8192, ElementType.BFloat16, left);
        Console.WriteLine($"plain {Of(GraphMemory.Plain) >> 20} MiB, in pieces {Of(chosen with { Recompute = false }) >> 20}, "
            + $"recomputed {Of(chosen) >> 20} of {left >> 20}");
        Assert.IsTrue(chosen.Recompute);
        Assert.IsGreaterThan(left, Of(GraphMemory.Plain));
        Assert.IsGreaterThan(left / 5 * 4, Of(chosen with { Recompute = false }));
        Assert.IsLessThan(left, Of(chosen));
    }

    // Rows of 2,048 tokens: as many as need no recomputation, of the eight that are asked for.
    [TestMethod]
    [DataRow(KernelChoice.Auto)]
    [DataRow(KernelChoice.Fused)]
    public void DeviceTraining_OfSeveralRows_TakesAsManyAsFitWithoutRecomputation(KernelChoice kernels)
    {
        var config = new RunConfig { Training = new() { TokensPerMicrobatch = 16_384 }, Execution = new() { Kernels = kernels } };
        var left = EightyGigabytes - (18 * Large.ParameterCount);
        var (graph, tokens) = MemoryPlan.DeviceTraining(config, Large, 2048, ElementType.BFloat16, left);
        long Of(int rows) => MemoryEstimate.DeviceActivations(Large, graph, new(rows, 2048, 2048, 1), 2048, ElementType.BFloat16);
        Console.WriteLine($"{kernels}: {tokens} tokens, {Of(tokens / 2048) >> 20} of {left >> 20} MiB");
        Assert.IsFalse(graph.Recompute);
        Assert.IsLessThan(16_384, tokens);
        Assert.IsLessThanOrEqualTo(left / 5 * 4, Of(tokens / 2048));
        Assert.IsGreaterThan(left / 5 * 4, Of(2 * tokens / 2048));
    }

    [TestMethod]
    public void Optimizer_OnTheDevice_TrainsByTheGraphThatTheConfigurationAsksFor()
    {
        using var model = new TinyModel();
        var gradients = new List<double>();
        foreach (var recompute in new[] { Recomputation.None, Recomputation.Layers })
        {
            using var policy = Policy.Load(model.Folder, 64);
            using var backend = new CudaBackend(new InterpreterDriver());
            var config = model.Config with { Training = model.Config.Training with { Recompute = recompute } };
            using var optimizer = backend.Optimizer(policy, config);
            Assert.AreEqual(recompute == Recomputation.Layers, ((DeviceOptimizer)optimizer).Graph.Recompute);
            optimizer.Clear();
            var micro = new Microbatch(new SequenceBatch([new([1, 2, 3], [4, 5, 6, 7]), new([2], [8, 9])]));
            Array.Fill(micro.Weights, 0.2f);
            Array.Fill(micro.Advantages, 1.5f);
            Array.Fill(micro.OldLogProbs, -3);
            optimizer.Add(micro);
            gradients.Add(optimizer.GradientNorm()!.Value);
        }
        // ONNX Runtime fuses a norm whose parts nothing reads later, and that rounds otherwise.
        Assert.AreEqual(gradients[0], gradients[1], 1e-5 * gradients[0]);
    }
}
