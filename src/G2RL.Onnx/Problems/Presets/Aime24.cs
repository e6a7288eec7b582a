namespace G2RL.Onnx.Problems.Presets;

/// <summary>AIME I and II of 2024.</summary>
internal static class Aime24
{
    public static ProblemPreset Preset { get; } = new(
        "aime24",
        "AIME I and II of 2024",
        "huggingface.co/datasets/HuggingFaceH4/aime_2024",
        ProblemPreset.Mathematics with { Policy = "aime", HeldOutRows = [30] });
}
