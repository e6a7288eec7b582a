using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Algorithms;

/// <summary>Rewards to advantages of one group.</summary>
/// <param name="group">Members' rewards in, shaped rewards, novelty and advantages out. At least two members.</param>
/// <param name="features">Phi [D] of each member; null unless the algorithm asks for features.</param>
/// <param name="config">Settings.</param>
/// <param name="seed">Seed of this group's random choices.</param>
public delegate void AdvantageFunction(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed);

/// <summary>An algorithm: how rewards become advantages. The loss is <see cref="PolicyLoss"/>.</summary>
/// <param name="NeedsFeatures">Whether gradient features are computed.</param>
/// <param name="Advantages">Rewards to advantages.</param>
public sealed record Algorithm(bool NeedsFeatures, AdvantageFunction Advantages);

/// <summary>The algorithms: an arm is one line here and one function in a file.</summary>
public static class AlgorithmTable
{
    /// <summary>Algorithms by name.</summary>
    public static IReadOnlyDictionary<string, Algorithm> All { get; } = new SortedDictionary<string, Algorithm>(StringComparer.Ordinal)
    {
        ["grpo"] = new(NeedsFeatures: false, Grpo.Advantages),
        ["g2rl"] = new(NeedsFeatures: true, G2rl.Advantages),
    };
}
