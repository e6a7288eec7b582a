using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.LargeCheckpoint;

/// <summary>The models whose shapes are written: sizes as their config.json have them, tied embeddings counted once.</summary>
internal static class Shape
{
    /// <summary>Qwen3-1.7B's: 1.7 billion parameters.</summary>
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

    /// <summary>Qwen3-4B's: 4.0 billion parameters.</summary>
    public static DecoderSpec Qwen3With4BillionParameters { get; } = Qwen3With1700MillionParameters with
    {
        HiddenSize = 2560,
        IntermediateSize = 9728,
        Layers = 36,
        Heads = 32,
    };
}
