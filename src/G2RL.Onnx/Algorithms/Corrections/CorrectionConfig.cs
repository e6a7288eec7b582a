namespace G2RL.Onnx.Algorithms.Corrections;

/// <summary>What is done about weights of tokens beyond their bounds.</summary>
public enum CorrectionKind
{
    /// <summary>No weights.</summary>
    None,

    /// <summary>Beyond a bound the bound itself: truncated importance sampling.</summary>
    Tis,

    /// <summary>Beyond a bound 0.</summary>
    IcePop,
}

/// <summary>What a weight belongs to.</summary>
public enum CorrectionLevel
{
    /// <summary>Each token.</summary>
    Token,

    /// <summary>A whole response: the product of its tokens' ratios.</summary>
    Sequence,
}

/// <summary>
/// What the loss makes of a sampler whose log-probs are not the trainer's. With any of it a mismatch is reported, but does not end the run.
/// </summary>
public sealed record CorrectionConfig
{
    /// <summary>Weights e^(trainer - sampler) on the losses of tokens.</summary>
    public CorrectionKind Weights { get; init; } = CorrectionKind.None;

    /// <summary>What a weight belongs to.</summary>
    public CorrectionLevel Level { get; init; } = CorrectionLevel.Token;

    /// <summary>Lower bound of a weight, >= 0.</summary>
    public double Low { get; init; }

    /// <summary>Upper bound of a weight, above the lower one.</summary>
    public double High { get; init; } = 2;

    /// <summary>Whether weights are divided by their mean over the step.</summary>
    public bool Normalize { get; init; }

    /// <summary>
    /// Leaves tokens or responses out that differ too much: none, or a name in <c>Rejection</c> such as token_k1, seq_mean_k3, seq_max_k2.
    /// </summary>
    public string Rejection { get; init; } = "none";

    /// <summary>Lower bound of the ratio of sampler to trainer, > 0; for rejections by k1 alone.</summary>
    public double RejectionLow { get; init; } = 0.5;

    /// <summary>Upper bound of that ratio for k1, of the divergence for k2 and k3.</summary>
    public double RejectionHigh { get; init; } = 2;

    /// <summary>
    /// Leaves responses of negative advantage out whose mean log-ratio sampler - trainer lies above this, nats; 0 is off.
    /// </summary>
    public double OffPolicyBound { get; init; }

    /// <summary>Leaves the tokens out whose entropy lies below this quantile of the step's, in [0, 1); 0 is off.</summary>
    public double EntropyQuantile { get; init; }

    /// <summary>Whether it can leave tokens out.</summary>
    internal bool Masks => Rejection != "none" || OffPolicyBound > 0 || EntropyQuantile > 0;

    /// <summary>Whether it does anything.</summary>
    internal bool IsOn => Weights != CorrectionKind.None || Masks;
}
