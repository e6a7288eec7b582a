namespace G2RL.Onnx.Algorithms;

/// <summary>
/// An entropy bonus whose weight c follows the entropy e of a step's rollouts: e below the target adds delta to c for the steps to come, e
/// above it takes delta away, down to 0; the bonus of a step weighs c where e is at most the target, else nothing. c begins at 0.
/// </summary>
/// <remarks>Source: Skywork Open Reasoner 1, arXiv:2505.22312, section on adaptive entropy control.</remarks>
public sealed record AdaptiveEntropyConfig
{
    /// <summary>The mean entropy of a token to hold, nats, >= 0; 0 is off. The paper takes 0.2.</summary>
    public double Target { get; init; }

    /// <summary>What the weight of the bonus moves by at a step, > 0.</summary>
    public double Delta { get; init; } = 0.005;

    /// <summary>Whether it is on.</summary>
    internal bool IsOn => Target > 0;
}
