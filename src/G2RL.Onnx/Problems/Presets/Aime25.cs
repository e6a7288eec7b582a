namespace G2RL.Onnx.Problems.Presets;

/// <summary>AIME I and II of 2025.</summary>
internal static class Aime25
{
    public static ProblemPreset Preset { get; } = new(
        "aime25",
        "AIME I and II of 2025",
        "huggingface.co/datasets/math-ai/aime25",
        ProblemPreset.Mathematics with { Policy = "aime", HeldOutRows = [30] });
}
