namespace G2RL.Onnx.Models.Rotary;

/// <summary>How the rotary frequencies are stretched for texts longer than those of pretraining.</summary>
public enum RopeKind
{
    /// <summary>Not at all.</summary>
    Default,

    /// <summary>All frequencies divided by the factor.</summary>
    Linear,

    /// <summary>
    /// Dynamic NTK: the base grows with the text once it is longer than <see cref="RopeSpec.OriginalMaxPositions"/>; up to there it is the
    /// default. Longer texts are refused: transformers then rotates new tokens otherwise than those whose keys are cached, so no table of
    /// positions equals it.
    /// </summary>
    Dynamic,

    /// <summary>Llama 3.1: low frequencies divided, high ones kept, a ramp between.</summary>
    Llama3,

    /// <summary>YaRN (arXiv:2309.00071): a ramp over dimensions, and attention scaled.</summary>
    Yarn,
}

/// <summary>
/// Rotary position embedding: base and scaling. Numbers that a kind does not use keep their defaults, so equal meanings are equal records.
/// </summary>
public sealed record RopeSpec
{
    /// <summary>The kind of scaling.</summary>
    public RopeKind Kind { get; init; }

    /// <summary>Base of the frequencies, theta^(-2i/head_dim); above 1.</summary>
    public double Theta { get; init; } = 10_000;

    /// <summary>How many times longer texts get; at least 1. All kinds but the default.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>Length, in tokens, of pretraining's texts. Dynamic NTK, Llama 3 and YaRN; 0 elsewhere.</summary>
    public int OriginalMaxPositions { get; init; }

    /// <summary>Llama 3: wavelengths above OriginalMaxPositions / this are divided by the factor.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>Llama 3: wavelengths below OriginalMaxPositions / this are kept. Above <see cref="LowFrequencyFactor"/>.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>
    /// YaRN: multiplies cos and sin, hence attention logits by its square; null: 0.1 ln(factor) + 1, or from the two mscales.
    /// </summary>
    public double? AttentionFactor { get; init; }

    /// <summary>YaRN: with <see cref="MScaleAllDimensions"/>, attention scaling is the ratio of the two (DeepSeek).</summary>
    public double? MScale { get; init; }

    /// <summary>YaRN: see <see cref="MScale"/>.</summary>
    public double? MScaleAllDimensions { get; init; }

    /// <summary>YaRN: dimensions that turn more often than this over the original length are kept.</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>YaRN: dimensions that turn less often than this are divided by the factor.</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>YaRN: round the ramp's ends outward to whole dimensions.</summary>
    public bool Truncate { get; init; } = true;

    internal void Check(string source, List<string> faults)
    {
        Require("rope_theta", Theta, Theta > 1 && Theta <= 1e12, "above 1 and at most 1e12");
        if (Kind != RopeKind.Default)
            Require("rope factor", Factor, Factor is >= 1 and <= 1e6, "between 1 and 1e6");
        if (Kind is RopeKind.Dynamic or RopeKind.Llama3 or RopeKind.Yarn)
            Require(
                "original_max_position_embeddings",
                OriginalMaxPositions,
                OriginalMaxPositions is >= 1 and <= DecoderRules.MaxPositions,
                $"between 1 and {DecoderRules.MaxPositions}");
        if (Kind == RopeKind.Llama3)
        {
            Require("low_freq_factor", LowFrequencyFactor, LowFrequencyFactor is > 0 and <= 1e6, "above 0 and at most 1e6");
            Require(
                "high_freq_factor",
                HighFrequencyFactor,
                HighFrequencyFactor > LowFrequencyFactor && HighFrequencyFactor <= 1e6,
                "above low_freq_factor and at most 1e6");
        }
        if (Kind == RopeKind.Yarn)
        {
            Require("attention_factor", AttentionFactor ?? 1, (AttentionFactor ?? 1) is > 0 and <= 1e3, "above 0 and at most 1000");
            Require("mscale", MScale ?? 0, (MScale ?? 0) is >= 0 and <= 1e3, "between 0 and 1000");
            Require("mscale_all_dim", MScaleAllDimensions ?? 0, (MScaleAllDimensions ?? 0) is >= 0 and <= 1e3, "between 0 and 1000");
            Require("beta_slow", BetaSlow, BetaSlow is > 0 and <= 1e6, "above 0 and at most 1e6");
            Require("beta_fast", BetaFast, BetaFast > BetaSlow && BetaFast <= 1e6, "above beta_slow and at most 1e6");
        }

        void Require(string key, double value, bool ok, string range)
        {
            if (!ok)
                faults.Add($"{source}: {key} is {value}; it must be {range}.");
        }
    }
}
