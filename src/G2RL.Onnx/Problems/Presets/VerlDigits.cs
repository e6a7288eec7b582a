namespace G2RL.Onnx.Problems.Presets;

/// <summary>verl's digit completion, whose files hold prompts alone: the answer follows from the prompt.</summary>
internal static class VerlDigits
{
    public static ProblemPreset Preset { get; } = new(
        "verl-digits",
        "verl's digit completion",
        "made by verl's tests (arithmetic sequences)",
        new() { PromptField = "prompt", DerivedAnswer = "digitCompletion", Overlap = Files.Overlap.DropFromTraining });
}
