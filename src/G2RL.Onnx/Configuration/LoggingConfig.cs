namespace G2RL.Onnx.Configuration;

/// <summary>What is written down.</summary>
public sealed record LoggingConfig
{
    /// <summary>Steps between logged batches of rollouts, beginning with the first step; 0 logs none.</summary>
    public int RolloutsEvery { get; init; } = 10;

    /// <summary>
    /// Whether logged rollouts hold their tokens (pieces, log-probs, entropies, weights) and the cosines of their group, which the report's
    /// viewer shades.
    /// </summary>
    public bool Tokens { get; init; } = true;

    /// <summary>Whether metrics and evaluations also go to a TensorBoard event file, in the run's folder tensorboard/.</summary>
    public bool TensorBoard { get; init; }

    /// <summary>
    /// Folder of an MLflow file store that the run's settings, metrics and evaluations also go to, such as mlruns; empty for none.
    /// </summary>
    public string Mlflow { get; init; } = "";
}
