namespace G2RL.Onnx.Execution.Scoring;

/// <summary>u of a rollout, where it was accumulated.</summary>
/// <param name="Host">u [V] on the host; null where a device holds it.</param>
/// <param name="Row">Its row among the device's accumulators, until the next draw or scoring; -1 where the host holds it.</param>
public readonly record struct FeatureWeights(float[]? Host, int Row = -1)
{
    /// <summary>Phi = u E [D], where it was projected where u was accumulated and u itself stayed there.</summary>
    public float[]? Projected { get; init; }

    /// <summary>Added to the sum of the tokens' weights before it divides.</summary>
    public const double Epsilon = 1e-8;
}

/// <summary>
/// Gradient features, and what a group's features say of each other: on the host (<see cref="FeatureProjector"/>) or on a device.
/// </summary>
public interface IFeatureProjector : IDisposable
{
    /// <summary>Phi = u E [D] of each rollout.</summary>
    /// <param name="policy">The weights behind the accumulators.</param>
    /// <param name="weights">u of each rollout.</param>
    float[][] Project(Policy policy, IReadOnlyList<FeatureWeights> weights);

    /// <summary>Cosines and novelties of a group, where the device computes them.</summary>
    /// <param name="features">A feature of each of at least two rollouts, of one width.</param>
    /// <param name="rewards">Base reward of each [m].</param>
    /// <returns>Cosines S [m, m] and novelties nu [m]; null where the host is to compute them.</returns>
    (double[] Cosines, double[] Novelty)? Measure(IReadOnlyList<float[]> features, IReadOnlyList<double> rewards);
}
