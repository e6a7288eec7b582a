using G2RL.Onnx.Models;

namespace G2RL.Onnx.LargeCheckpoint;

/// <summary>The model whose shape is written.</summary>
internal static class Shape
{
    /// <summary>Qwen3-1.7B's sizes, as its config.json has them; 1.7 billion parameters with the tied embedding counted once.</summary>
    public static DecoderSpec Qwen3With1700MillionParameters { get; } = new()
    {
        Architecture = "Qwen3ForCausalLM",
        ModelType = "qwen3",
        VocabularySize = 151936,
        HiddenSize = 2048,
        IntermediateSize = 6144,
        Layers = 28,
        Heads = 16,
        KeyValueHeads = 8,
        HeadDimension = 128,
        NormEpsilon = 1e-6,
        MaxPositions = 40960,
        Rope = new RopeSpec { Theta = 1_000_000 },
        TieEmbeddings = true,
        QueryKeyNorm = true,
    };
}
