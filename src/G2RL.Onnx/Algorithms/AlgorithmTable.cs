using G2RL.Onnx.Algorithms.Arms;

namespace G2RL.Onnx.Algorithms;

/// <summary>What an algorithm compares a group's rollouts by.</summary>
internal enum FeatureKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The gradient feature Phi.</summary>
    Gradient,

    /// <summary>The policy's own mean hidden state over the response.</summary>
    Hidden,

    /// <summary>An embedding of the response: by <see cref="AlgorithmConfig.Embedder"/>, or else <see cref="Hidden"/>.</summary>
    Embedding,

    /// <summary>
    /// The mean over a response's first tokens of gradient times hidden state, and that of an expert's solution (<see cref="Gar"/>).
    /// </summary>
    Alignment,

    /// <summary>No feature, but <see cref="ScoredGroup.Energies"/>.</summary>
    Energy,
}

/// <summary>Rewards to advantages of one group.</summary>
/// <param name="group">Members' rewards in, shaped rewards, novelty and advantages out. At least two members.</param>
/// <param name="features">A feature [D] of each member; null unless the algorithm asks for features.</param>
/// <param name="config">Settings.</param>
/// <param name="seed">Seed of this group's random choices.</param>
internal delegate void AdvantageFunction(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed);

/// <summary>An algorithm: how rewards become advantages. The loss is <see cref="PolicyLoss"/>.</summary>
/// <param name="Features">What is computed of each rollout.</param>
/// <param name="Advantages">Rewards to advantages.</param>
internal sealed record Algorithm(FeatureKind Features, AdvantageFunction Advantages)
{
    /// <summary>The ratio is clipped above at 1 + this, unless a configuration says otherwise.</summary>
    public double ClipHigh { get; init; } = 0.2;

    /// <summary>Weight of the entropy bonus, unless a configuration says otherwise.</summary>
    public double EntropyCoefficient { get; init; }

    /// <summary>Whether <see cref="AlgorithmConfig.Shaping"/> and <see cref="AlgorithmConfig.Lambda"/> mean something to it.</summary>
    public bool Shapes { get; init; }

    /// <summary>Whether it compares with the greedy response to each prompt.</summary>
    public bool Greedy { get; init; }

    /// <summary>Whether its advantages are final, because they are no function of shaped rewards.</summary>
    public bool OwnAdvantages { get; init; }
}

/// <summary>The algorithms: an arm is one line here and one function in a file.</summary>
internal static class AlgorithmTable
{
    /// <summary>Algorithms by name.</summary>
    public static IReadOnlyDictionary<string, Algorithm> All { get; } = new SortedDictionary<string, Algorithm>(StringComparer.Ordinal)
    {
        ["grpo"] = new(FeatureKind.None, Grpo.Advantages),
        ["entropy"] = new(FeatureKind.None, Grpo.Advantages) { EntropyCoefficient = 0.003 },
        ["clip-higher"] = new(FeatureKind.None, Grpo.Advantages) { ClipHigh = 0.28 },
        ["maxrl"] = new(FeatureKind.None, MaxRl.Advantages) { OwnAdvantages = true },
        ["passk"] = new(FeatureKind.None, PassAtKTraining.Advantages) { OwnAdvantages = true },
        ["remax"] = new(FeatureKind.None, Remax.Advantages) { OwnAdvantages = true, Greedy = true },
        ["otb"] = new(FeatureKind.Energy, OptimalTokenBaseline.Advantages) { OwnAdvantages = true },
        ["gar"] = new(FeatureKind.Alignment, Gar.Advantages),
        ["embedding"] = new(FeatureKind.Embedding, EvolRl.Advantages),
        ["g2rl"] = new(FeatureKind.Gradient, G2rl.Advantages) { Shapes = true },
        ["g2rl-prose"] = new(FeatureKind.Gradient, G2rlArms.Prose) { Shapes = true },
        ["g2rl-shuffled"] = new(FeatureKind.Gradient, G2rlArms.Shuffled) { Shapes = true },
        ["g2rl-masked"] = new(FeatureKind.Gradient, G2rlArms.Masked) { Shapes = true },
        ["g2rl-hidden"] = new(FeatureKind.Hidden, G2rl.Advantages) { Shapes = true },
    };
}
