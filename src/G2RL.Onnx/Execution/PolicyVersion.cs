namespace G2RL.Onnx.Execution;

/// <summary>
/// Which weights drew a rollout: the number of optimizer steps behind them, and the identity of the policy (its first weights' hash).
/// </summary>
/// <param name="Counter">Optimizer steps applied since the policy was loaded.</param>
/// <param name="Origin">First 16 hexadecimal digits of the SHA-256 of the initial weights.</param>
public readonly record struct PolicyVersion(long Counter, string Origin)
{
    /// <summary>
    /// Hash of the weights themselves where <see cref="Policy.Identify"/> was asked for it, which tells two runs of one base apart; else
    /// empty.
    /// </summary>
    public string Content { get; init; } = "";

    /// <inheritdoc/>
    public override string ToString() => $"{Origin}@{Counter}";
}
