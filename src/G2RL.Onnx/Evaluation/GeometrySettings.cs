using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Evaluation;

/// <summary>What the geometry of a policy is measured on.</summary>
public sealed record GeometrySettings
{
    /// <summary>Held-out problems, >= 1; the paper takes 30.</summary>
    public int Problems { get; init; } = 30;

    /// <summary>Responses to each, >= 2, drawn at sampling.temperature; the paper takes 8.</summary>
    public int Samples { get; init; } = 8;

    /// <summary>
    /// Temperatures of p_t in the gradient features beside sampling.temperature, each above 0: a mismatch of the two puts a common
    /// direction into every feature.
    /// </summary>
    public IReadOnlyList<double> OtherTemperatures { get; init; } = [0.6];

    /// <summary>
    /// ONNX file of a sentence model, its tokenizer.json beside it, for the semantic cosine; empty takes the policy's own mean hidden
    /// state.
    /// </summary>
    public string Embedder { get; init; } = "";

    /// <summary>All faults; empty when the settings are sound.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        if (Problems is < 1 or > 1_000_000)
            faults.Add($"geometry.problems is {Problems}; it must be 1 to 1000000.");
        if (Samples is < 2 or > 10_000)
            faults.Add($"geometry.samples is {Samples}; a pair needs 2, and 10000 are the most.");
        foreach (var bad in OtherTemperatures.Where(t => !(t is >= 1e-6 and <= 1e6)))
            faults.Add($"geometry.otherTemperatures holds {bad}; a temperature lies in [1e-6, 1e6].");
        if (Embedder.Length > 0 && !File.Exists(Embedder))
            faults.Add($"geometry.embedder is {Embedder}, which does not exist. Give the ONNX file of a sentence model, or leave it out "
                + "for the policy's own hidden states.");
        return faults;
    }

    /// <summary>Temperatures of p_t, the sampling temperature first, none twice.</summary>
    internal IReadOnlyList<double> Temperatures(RunConfig config) => [.. OtherTemperatures.Prepend(config.Sampling.Temperature).Distinct()];
}
