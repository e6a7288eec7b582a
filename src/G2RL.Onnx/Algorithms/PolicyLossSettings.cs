using G2RL.Onnx.Algorithms.Corrections;

namespace G2RL.Onnx.Algorithms;

/// <summary>Coefficients of the policy objective.</summary>
/// <param name="ClipLow">The ratio is clipped below at 1 - ClipLow.</param>
/// <param name="ClipHigh">The ratio is clipped above at 1 + ClipHigh, >= 0.</param>
/// <param name="KlCoefficient">beta of the divergence to the reference policy; 0 leaves it out.</param>
/// <param name="EntropyCoefficient">Weight of the mean token entropy, which is added to the objective; 0 leaves it out.</param>
public sealed record PolicyLossSettings(
    double ClipLow = 0.2,
    double ClipHigh = 0.2,
    double KlCoefficient = 0,
    double EntropyCoefficient = 0)
{
    /// <summary>A name in <see cref="Losses.LossTable"/>.</summary>
    public string Loss { get; init; } = "clipped";

    /// <summary>A name in <see cref="Losses.KlEstimators"/>.</summary>
    public string Kl { get; init; } = "k3";

    /// <summary>The log-ratio to the old policy is clamped to +- this before it is exponentiated; 0 is off.</summary>
    public double LogRatioClamp { get; init; }

    /// <summary>Where A &lt; 0 the loss is at most -A times this (dual clip, above 1); 0 is off.</summary>
    public double DualClip { get; init; }

    /// <summary>The ratio itself is at most this before the minimum of the clipped loss is taken; 0 is off.</summary>
    public double RatioLimit { get; init; }

    /// <summary>The log-ratio to the reference is clamped to +- this; 0 is off.</summary>
    public double KlInputClamp { get; init; }

    /// <summary>The divergence of a token is clamped to +- this; 0 is off.</summary>
    public double KlOutputClamp { get; init; }

    /// <summary>
    /// Whether the divergence is multiplied by the ratio to the old policy, which makes its gradient unbiased off-policy.
    /// </summary>
    public bool KlOverRatio { get; init; }

    /// <summary>Whether each token's loss is multiplied by a correction that the caller gives.</summary>
    public bool Corrected { get; init; }

    /// <summary>Whether the entropies have weights of their own, because they are averaged otherwise than the losses.</summary>
    public bool EntropyApart { get; init; }

    /// <summary>Whether the divergences have weights of their own, because they are averaged otherwise than the losses.</summary>
    public bool KlApart { get; init; }

    /// <summary>Whether the old log-probs are the current ones, detached: one update per batch, ratio 1.</summary>
    public bool OldIsCurrent { get; init; }

    /// <summary>
    /// Whether tokens of weight 0 are taken out before anything is computed, so that nothing in a masked position, NaN included, reaches a
    /// result.
    /// </summary>
    public bool SkipMasked { get; init; }

    /// <summary>Temperature of the sigmoid where A > 0 (sapo).</summary>
    public double TauPositive { get; init; } = 1;

    /// <summary>Temperature of the sigmoid where A &lt;= 0 (sapo).</summary>
    public double TauNegative { get; init; } = 1.05;

    /// <summary>Weight of the squared log-ratio (dro), or of |log-ratio| on the selected tokens (kl-cov).</summary>
    public double Penalty { get; init; } = 0.1;

    /// <summary>Share of the tokens that is chosen by covariance, at least one (clip-cov, kl-cov).</summary>
    public double CovarianceShare { get; init; } = 0.0002;

    /// <summary>Tokens with a covariance above this may be drawn (clip-cov).</summary>
    public double CovarianceLow { get; init; } = 1;

    /// <summary>Tokens with a covariance below this may be drawn (clip-cov).</summary>
    public double CovarianceHigh { get; init; } = 5;

    /// <summary>The only bound of the ratio, above, in place of those of ClipLow and ClipHigh; 0 is off (cispo, as TRL has it).</summary>
    public double RatioBound { get; init; }

    /// <summary>Upper bound of the detached ratio (dppo).</summary>
    public double DetachedRatioLimit { get; init; } = 20;

    /// <summary>The coefficients that a configuration asks for.</summary>
    public static PolicyLossSettings Of(AlgorithmConfig config)
    {
        var choice = AlgorithmChoice.Of(config);
        // verl clamps its third estimator alone.
        var clamped = config.Profile != "verl" || choice.Kl.StartsWith("k3", StringComparison.Ordinal);
        var adaptive = config.AdaptiveEntropy.IsOn;
        // The weight of an adaptive bonus comes with the weights of the entropies.
        return new(config.ClipLow, choice.ClipHigh, config.KlCoefficient, adaptive ? 1 : choice.EntropyCoefficient)
        {
            KlApart = choice.KlAggregation != choice.Aggregation && config.KlCoefficient != 0,
            EntropyApart = adaptive || (choice.EntropyAggregation != choice.Aggregation && choice.EntropyCoefficient != 0),
            CovarianceShare = config.CovarianceShare,
            CovarianceLow = config.CovarianceLow,
            CovarianceHigh = config.CovarianceHigh,
            RatioBound = choice.Loss == "cispo" && config.Profile == "trl" ? choice.ClipHigh : 0,
            Loss = choice.Loss,
            Kl = choice.Kl,
            LogRatioClamp = choice.Profile.LogRatioClamp,
            DualClip = choice.DualClip,
            KlInputClamp = clamped ? choice.Profile.KlInputClamp : 0,
            KlOutputClamp = clamped ? choice.Profile.KlOutputClamp : 0,
            KlOverRatio = config.KlOverRatio,
            RatioLimit = config.RatioLimit,
            TauPositive = config.TauPositive,
            TauNegative = config.TauNegative,
            Penalty = config.Penalty,
            Corrected = config.Correction.Weights != CorrectionKind.None,
            // Where no token is masked the objective needs no masking.
            SkipMasked = choice.Profile.SkipsMasked && config.Correction.Masks,
        };
    }
}
