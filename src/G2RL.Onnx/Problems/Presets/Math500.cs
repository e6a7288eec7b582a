namespace G2RL.Onnx.Problems.Presets;

/// <summary>500 problems of the MATH test set (Lightman et al., arXiv:2305.20050).</summary>
internal static class Math500
{
    public static ProblemPreset Preset { get; } = new(
        "math500",
        "500 problems of the MATH test set",
        "huggingface.co/datasets/HuggingFaceH4/MATH-500: test.jsonl",
        ProblemPreset.Mathematics with { HeldOutRows = [500] });
}
