namespace G2RL.Onnx.Problems.Presets;

/// <summary>
/// Files as verl takes them: prompt is a list of chat turns, reward_model.ground_truth the answer, data_source says what kind of answer it
/// is.
/// </summary>
internal static class Verl
{
    public static ProblemPreset Preset { get; } = new(
        "verl",
        "Any file in verl's layout",
        "made by verl's examples/data_preprocess",
        new()
        {
            PromptField = "prompt",
            AnswerField = "reward_model.ground_truth",
            Policy = "math",
            PolicyField = "data_source",
            Policies = new Dictionary<string, string>(StringComparer.Ordinal) { ["openai/gsm8k"] = "gsm8k" },
            RequireFinished = false,
            SkipEmpty = true,
        });
}
