using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class MemoryPlanTests
{
    private static readonly MicrobatchShape Micro = new(Rows: 4, Width: 300, Scored: 200, Count: 2);

    private static DecoderSpec Spec(int layers, string more = "") => Architectures.Parse(
        $$"""
        {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 4096, "hidden_size": 256, "intermediate_size": 768,
         "num_hidden_layers": {{layers}}, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
         "max_position_embeddings": 4096, "tie_word_embeddings": true, "eos_token_id": 1 {{more}}}
        """,
        "config.json");

    // What a deep model takes follows from two shallow ones; its own graph says the same.
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Activations_OfManyLayers_AreThoseOfTheirGraph(bool recompute)
    {
        var memory = MemoryChoice.Training(Spec(9), 1200, 320, recompute);
        var graph = DecoderGraph.Train(Spec(9), (op, p, _) => op.Neg(op.ReduceSum(p, keepDims: false, 0)), memory: memory);
        var own = PeakMemory.Of(graph, Micro.Axes(320), (node, length) => KernelScratch.Of(node, length, 1));
        var planned = MemoryEstimate.Training(Spec(9), memory, Micro, 320, new(1, 1)).Tensors;
        Assert.AreEqual(own, planned, 0.01 * own);
    }

    // A layer keeps at least its input for every token; with recomputation not much more.
    [TestMethod]
    public void Activations_GrowWithLayersRowsAndWidth()
    {
        long Of(int layers, MicrobatchShape micro, bool recompute = false) => MemoryEstimate.Training(
            Spec(layers), MemoryChoice.Training(Spec(layers), micro.Rows * micro.Width, 1024, recompute), micro, 1024, new(1, 1)).Tensors;

        Assert.IsGreaterThan(Of(2, Micro) + (4L * 300 * 256 * sizeof(float)), Of(3, Micro));
        Assert.IsGreaterThan(1.6 * Of(2, Micro), Of(2, Micro with { Rows = 8 }));
        Assert.IsLessThan(0.7 * Of(12, Micro), Of(12, Micro, recompute: true));
    }

    [TestMethod]
    public void Of_ConfigurationAlone_CountsWhatTheRunHolds()
    {
        var config = new RunConfig
        {
            Sampling = new() { PromptsPerStep = 2, GroupSize = 4, MaxPromptTokens = 32, MaxNewTokens = 96 },
            Adapter = new() { Type = AdapterKind.Lora, Base = WeightStorage.BFloat16 },
            Algorithm = new() { KlCoefficient = 0.01 },
        };
        var full = MemoryPlan.Of(config with { Adapter = new() }, Spec(4), threads: 2).Uses.ToDictionary(p => p.Purpose, p => p.Bytes);
        var lora = MemoryPlan.Of(config, RunAdapter.Applied(config, Spec(4)), threads: 2).Uses.ToDictionary(p => p.Purpose, p => p.Bytes);
        var weights = Spec(4).ParameterCount * sizeof(float);
        Assert.AreEqual(2 * weights, full["optimizer moments"]);
        Assert.AreEqual(weights, full["reference policy"]);
        // One sum, and for each of two lanes a gradient of what they do not share: keys, values and norms of 4 layers, and the last norm.
        const long own = (4 * ((2 * 128 * 256) + (2 * 256) + (2 * 64))) + 256;
        Assert.AreEqual(KernelTable.IsUsable ? weights + (2 * own * sizeof(float)) : 3 * weights, full["gradients"]);
        Assert.AreEqual(0, lora["reference policy"]);
        Assert.IsLessThan(weights, lora["weights"]);
        // Rank 8 x (512 + 384 + 384 + 512 + 3 x 1,024) inputs and outputs of a layer's projections x 4 layers, three times.
        Assert.AreEqual(3L * 8 * 4864 * 4 * sizeof(float), lora["gradients"]);
        // 8 rows and a prompt's for each of two lanes: 10 of 128 positions x 4 layers x 2 x 2 heads of 64.
        Assert.AreEqual(10L * 128 * 4 * 2 * 2 * 64 * sizeof(float), full["key/value cache of sampling"]);
    }

    [TestMethod]
    public void LargestMicrobatch_FitsAndTwiceItDoesNot()
    {
        var config = new RunConfig
        {
            Sampling = new() { PromptsPerStep = 16, GroupSize = 16, MaxPromptTokens = 64, MaxNewTokens = 192 },
            // As asked: auto would take fewer rows.
            Training = new() { Recompute = Recomputation.None },
        };
        long Total(int tokens) => Plan(config with { Training = config.Training with { TokensPerMicrobatch = tokens } }).Total;
        MemoryPlan Plan(RunConfig c) =>
            MemoryPlan.OfDevice(c, Spec(4), Graphs.ElementType.Float32, 1 << 30);

        var largest = MemoryFit.LargestMicrobatch(config, 1L << 31, Plan);
        Assert.IsGreaterThan(0, largest);
        Assert.IsLessThanOrEqualTo(1L << 31, Total(largest));
        Assert.IsGreaterThan(1L << 31, Total(2 * largest));
        Assert.AreEqual(0, MemoryFit.LargestMicrobatch(config, 1 << 20, Plan));
    }
}
