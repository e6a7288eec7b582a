namespace G2RL.Onnx.Problems.Presets;

/// <summary>The training split of MATH (Hendrycks et al., arXiv:2103.03874), with MATH500 or another file held out.</summary>
internal static class MathTrain
{
    public static ProblemPreset Preset { get; } = new(
        "math",
        "MATH, training split",
        "huggingface.co/datasets/DigitalLearningGmbH/MATH-lighteval: train; as rows of problem and answer",
        ProblemPreset.Mathematics with { SkipEmpty = true, TrainRows = [7500], HeldOutRows = [500, 5000] });
}
