namespace G2RL.Onnx.Configuration;

/// <summary>What is written down.</summary>
public sealed record LoggingConfig
{
    /// <summary>Steps between logged batches of rollouts, beginning with the first step; 0 logs none.</summary>
    public int RolloutsEvery { get; init; } = 10;
}
