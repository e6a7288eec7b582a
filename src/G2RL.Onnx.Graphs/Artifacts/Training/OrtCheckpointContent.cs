namespace G2RL.Onnx.Artifacts.Training;

/// <summary>What an ORT checkpoint holds.</summary>
public sealed record OrtCheckpointContent
{
    /// <summary>Parameters that learn.</summary>
    public required IReadOnlyList<OrtTensor> Trainable { get; init; }

    /// <summary>
    /// Parameters that do not learn and are inputs of the training model; weights that are its constants do not belong here.
    /// </summary>
    public IReadOnlyList<OrtTensor> Frozen { get; init; } = [];

    /// <summary>Optimizer state; null starts from zero moments at step 0.</summary>
    public OrtMoments? Moments { get; init; }

    /// <summary>Properties: long, float or string by name.</summary>
    public IReadOnlyDictionary<string, object> Properties { get; init; } = new Dictionary<string, object>(StringComparer.Ordinal);
}

/// <summary>State of AdamW.</summary>
/// <param name="Step">Updates done, >= 0; the next one is step + 1.</param>
/// <param name="First">First moments, each under its parameter's name.</param>
/// <param name="Second">Second moments, likewise.</param>
public sealed record OrtMoments(long Step, IReadOnlyList<OrtTensor> First, IReadOnlyList<OrtTensor> Second);
