namespace G2RL.Onnx.Models;

/// <summary>What a norm computes over the last axis.</summary>
public enum NormKind
{
    /// <summary>x / sqrt(mean(x^2) + eps) * w</summary>
    Rms,

    /// <summary>x / sqrt(mean(x^2) + eps) * (1 + w): weights are stored as their distance from 1 (Gemma).</summary>
    RmsFromOne,

    /// <summary>(x - mean(x)) / sqrt(var(x) + eps) * w + b</summary>
    Layer,
}

/// <summary>Where the norms of a block stand.</summary>
public enum NormPlacement
{
    /// <summary>x + f(norm(x))</summary>
    Before,

    /// <summary>x + norm(f(x)): OLMo 2.</summary>
    After,

    /// <summary>x + norm(f(norm(x))): Gemma 3.</summary>
    Around,
}
