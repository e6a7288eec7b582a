namespace G2RL.Onnx.Problems.Presets;

/// <summary>
/// GPQA, diamond subset (Rein et al., arXiv:2311.12022). The file has the right option first, so options are shown in an order that is a
/// function of the question.
/// </summary>
internal static class GpqaDiamond
{
    public static ProblemPreset Preset { get; } = new(
        "gpqa-diamond",
        "GPQA, diamond subset",
        "huggingface.co/datasets/Idavidrein/gpqa: gpqa_diamond.csv (its authors ask not to publish the questions)",
        ProblemPreset.Letters(new()
        {
            CorrectField = "Correct Answer",
            IncorrectFields = ["Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3"],
            Shuffle = true,
        }) with
        {
            PromptField = "Question",
            HeldOutRows = [198],
        });
}
