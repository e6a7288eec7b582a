namespace G2RL.Onnx.Models;

/// <summary>The feed-forward block's gate function.</summary>
public enum Activation
{
    /// <summary>x * sigmoid(x), as in SwiGLU.</summary>
    Silu,
}
