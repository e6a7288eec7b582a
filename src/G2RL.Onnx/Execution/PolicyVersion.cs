namespace G2RL.Onnx.Execution;

/// <summary>
/// Which weights drew a rollout: the number of optimizer steps behind them, and the identity of the policy (its first weights' hash).
/// </summary>
/// <param name="Counter">Optimizer steps applied since the policy was loaded.</param>
/// <param name="Origin">First 16 hexadecimal digits of the SHA-256 of the initial weights.</param>
public readonly record struct PolicyVersion(long Counter, string Origin)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Origin}@{Counter}";
}
