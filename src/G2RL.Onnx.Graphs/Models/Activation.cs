namespace G2RL.Onnx.Models;

/// <summary>The feed-forward block's nonlinearity.</summary>
public enum Activation
{
    /// <summary>x * sigmoid(x), as in SwiGLU.</summary>
    Silu,

    /// <summary>x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))): "gelu_pytorch_tanh" and, the same formula, "gelu_new".</summary>
    GeluTanh,

    /// <summary>x/2 * (1 + erf(x / sqrt(2))).</summary>
    Gelu,
}
