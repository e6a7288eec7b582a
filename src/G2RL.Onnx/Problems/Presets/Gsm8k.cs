namespace G2RL.Onnx.Problems.Presets;

/// <summary>
/// Grade-school mathematics (Cobbe et al., arXiv:2110.14168); a reference answer may be the number, or a solution that ends in #### and the
/// number.
/// </summary>
internal static class Gsm8k
{
    public static ProblemPreset Preset { get; } = new(
        "gsm8k",
        "GSM8K",
        "github.com/openai/grade-school-math: train.jsonl, test.jsonl; huggingface.co/datasets/openai/gsm8k",
        ProblemPreset.Mathematics with { Policy = "gsm8k", ReferenceMarker = "####", TrainRows = [7473], HeldOutRows = [1319] });
}
