namespace G2RL.Onnx.Problems.Presets;

/// <summary>
/// MMLU-Pro (Wang et al., arXiv:2406.01574): up to ten options; choice.shots = 5 with the validation split as choice.shotsFile is the usual
/// way, 0 asks without examples.
/// </summary>
internal static class MmluPro
{
    public static ProblemPreset Preset { get; } = new(
        "mmlu-pro",
        "MMLU-Pro",
        "huggingface.co/datasets/TIGER-Lab/MMLU-Pro: test (and validation, for examples)",
        ProblemPreset.Letters(new()) with { HeldOutRows = [12032] });
}
