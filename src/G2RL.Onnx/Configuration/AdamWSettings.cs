using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Configuration;

/// <summary>Settings of <see cref="AdamW"/>, and of the optimizers that leave some weights to it.</summary>
public sealed record AdamWSettings
{
    /// <summary>adamW for every weight, or muon for the matrices of the layers (or of adapters) and AdamW for the rest.</summary>
    public OptimizerKind Kind { get; init; } = OptimizerKind.AdamW;

    /// <summary>How AdamW's moments are held: float32, bFloat16 or int8 (blocks of 256), which take 8, 4 and 2 bytes a weight.</summary>
    public MomentStorage Moments { get; init; } = MomentStorage.Float32;

    /// <summary>Decay of muon's momentum, in [0, 1).</summary>
    public double Momentum { get; init; } = 0.95;

    /// <summary>Decay of the first moment, in [0, 1).</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment, in [0, 1).</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment; > 0.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay, >= 0, in units of 1 / learning rate.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Parameters whose names contain one of these texts are not decayed.</summary>
    public IReadOnlyList<string> DecayExclusions { get; init; } = [];

    /// <summary>Gradients are scaled so that their global norm is at most this; 0 turns clipping off.</summary>
    public double MaxGradientNorm { get; init; } = 1;

    /// <summary>Bits of both moments of a weight; with muon, most weights have one of 32.</summary>
    internal long MomentBits => (Kind, Moments) switch
    {
        (OptimizerKind.Muon, _) => 32,
        (_, MomentStorage.BFloat16) => 32,
        (_, MomentStorage.Int8) => 17,
        _ => 64,
    };

    /// <summary>Whether a parameter is decayed.</summary>
    internal bool Decays(string name) => WeightDecay > 0 && !DecayExclusions.Any(e => name.Contains(e, StringComparison.Ordinal));

    /// <summary>What gradients of a global norm are multiplied by.</summary>
    internal double ClipScale(double norm) => MaxGradientNorm > 0 ? Math.Min(1, MaxGradientNorm / (norm + 1e-6)) : 1;

    /// <summary>Checks every range.</summary>
    /// <exception cref="InputException">All faults at once.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        foreach (var (name, value) in new[] { ("beta1", Beta1), ("beta2", Beta2), ("momentum", Momentum) })
            if (!(value is >= 0 and < 1))
                faults.Add($"training.optimizer.{name} is {value}; it must lie in [0, 1).");
        if (!(Epsilon > 0 && double.IsFinite(Epsilon)))
            faults.Add($"training.optimizer.epsilon is {Epsilon}; it must be above 0 and finite, or a parameter without gradient would "
                + "become NaN.");
        if (!(WeightDecay >= 0 && double.IsFinite(WeightDecay)))
            faults.Add($"training.optimizer.weightDecay is {WeightDecay}; it must be 0 (off) or more, and finite.");
        if (!(MaxGradientNorm >= 0 && double.IsFinite(MaxGradientNorm)))
            faults.Add($"training.optimizer.maxGradientNorm is {MaxGradientNorm}; it must be 0 (off) or more, and finite.");
        if (faults.Count > 0)
            throw InputException.Of(faults);
    }
}
