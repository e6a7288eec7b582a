using G2RL.Onnx.Algorithms;

namespace G2RL.Onnx.Execution;

/// <summary>u of a rollout, where it was accumulated.</summary>
/// <param name="Host">u [V] on the host; null where a device holds it.</param>
/// <param name="Row">Its row among the device's accumulators, until the next draw or scoring; -1 where the host holds it.</param>
public readonly record struct FeatureWeights(float[]? Host, int Row = -1);

/// <summary>Gradient features, and what a group's features say of each other: on the host (<see cref="FeatureProjector"/>) or on a device.</summary>
public interface IFeatureProjector : IDisposable
{
    /// <summary>Phi = u E [D] of each rollout.</summary>
    /// <param name="policy">The weights behind the accumulators.</param>
    /// <param name="weights">u of each rollout.</param>
    float[][] Project(Policy policy, IReadOnlyList<FeatureWeights> weights);

    /// <summary>Fills the cosines and novelties of a group, where the device computes them; else leaves them empty for the algorithm to fill.</summary>
    /// <param name="group">At least two members.</param>
    /// <param name="features">A feature of each member, of one width.</param>
    void Measure(ScoredGroup group, IReadOnlyList<float[]> features);
}
