namespace G2RL.Onnx.Problems.Presets;

/// <summary>AMC 12 of 2022 and 2023: 83 problems, or the 40 of 2023.</summary>
internal static class Amc
{
    public static ProblemPreset Preset { get; } = new(
        "amc",
        "AMC 12, 2022 and 2023 (83 problems) or 2023 (40)",
        "huggingface.co/datasets/AI-MO/aimo-validation-amc (83); huggingface.co/datasets/math-ai/amc23 (40)",
        ProblemPreset.Mathematics with { HeldOutRows = [83, 40] });
}
