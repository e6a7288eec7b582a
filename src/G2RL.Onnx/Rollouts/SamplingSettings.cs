namespace G2RL.Onnx.Rollouts;

/// <summary>How a token is chosen. log-prob, entropy and gradient features always belong to the full softmax(z / temperature).</summary>
/// <remarks>
/// Restrictions apply in the order of Hugging Face's processors: temperature, top-k, top-p over what top-k left, min-p; what remains is
/// renormalised. Among equally probable tokens at a border, those of lower id stay.
/// </remarks>
public sealed record SamplingSettings
{
    /// <summary>Divides the logits; in [1e-6, 1e6].</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the k most probable tokens may be chosen; 0 means all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the smallest set of the most probable tokens whose mass reaches this share; in (0, 1].</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens at least this share as probable as the most probable one; in [0, 1].</summary>
    public double MinP { get; init; }

    /// <summary>Always the most probable token; the lowest id among equals.</summary>
    public bool Greedy { get; init; }

    /// <summary>Whether the choice is from the full distribution, so that sampler and policy are one.</summary>
    public bool IsUnrestricted => !Greedy && TopK == 0 && TopP >= 1 && MinP <= 0;

    /// <summary>Checks every range.</summary>
    /// <exception cref="InputException">All faults at once.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Temperature is >= 1e-6 and <= 1e6))
            faults.Add($"Temperature is {Temperature}; it must lie in [1e-6, 1e6]. For the most probable token set Greedy.");
        if (TopK < 0)
            faults.Add($"sampling.topK is {TopK}; it must be 0 (off) or more.");
        if (!(TopP is > 0 and <= 1))
            faults.Add($"sampling.topP is {TopP}; it must lie in (0, 1].");
        if (!(MinP is >= 0 and <= 1))
            faults.Add($"sampling.minP is {MinP}; it must lie in [0, 1].");
        if (faults.Count > 0)
            throw InputException.Of(faults);
    }
}
