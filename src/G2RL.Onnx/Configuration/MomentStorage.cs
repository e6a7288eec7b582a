namespace G2RL.Onnx.Configuration;

/// <summary>How AdamW's moments are held in memory and in checkpoints.</summary>
public enum MomentStorage
{
    /// <summary>As they are computed with: 8 bytes a weight for both.</summary>
    Float32,

    /// <summary>
    /// Upper halves of float32, rounded at random, so that decay slower than a rounding step is not lost: 4 bytes a weight.
    /// </summary>
    BFloat16,

    /// <summary>
    /// 8-bit floating numbers over the largest of each 256, rounded at random; of the second moment the root is stored: 2.03 bytes a
    /// weight.
    /// </summary>
    Int8,
}

/// <summary>Who turns gradients into updates.</summary>
public enum OptimizerKind
{
    /// <summary>AdamW for every weight.</summary>
    AdamW,

    /// <summary>Muon for the matrices of the layers (or of adapters), AdamW for embeddings, LM head, norms and biases.</summary>
    Muon,
}
