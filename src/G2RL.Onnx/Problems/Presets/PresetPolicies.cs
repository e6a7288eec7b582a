namespace G2RL.Onnx.Problems.Presets;

/// <summary>The answer policies of the presets, by what kind of answer they judge.</summary>
internal static class PresetPolicies
{
    public const string Mathematics = "math";
    public const string Letters = "math";
    public const string Words = "math";
}
