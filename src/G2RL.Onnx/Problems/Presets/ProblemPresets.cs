namespace G2RL.Onnx.Problems.Presets;

/// <summary>The known data sets: one file and one line each.</summary>
public static class ProblemPresets
{
    /// <summary>Name to preset.</summary>
    public static IReadOnlyDictionary<string, ProblemPreset> All { get; } = new ProblemPreset[]
    {
        MathTrain.Preset,
        Math500.Preset,
        Gsm8k.Preset,
        Amc.Preset,
        Aime24.Preset,
        Aime25.Preset,
        GpqaDiamond.Preset,
        MmluPro.Preset,
        Verl.Preset,
        VerlDigits.Preset,
    }.ToDictionary(p => p.Name, StringComparer.Ordinal);
}
