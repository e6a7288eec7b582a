namespace G2RL.Onnx.Execution;

/// <summary>A number that must be finite is not: a logit, a loss, a gradient. Training stops with the weights as they were.</summary>
public sealed class NonFiniteException : InvalidOperationException
{
    /// <summary>Names the number, its value and where it arose.</summary>
    public NonFiniteException(string message) : base(message) { }

    /// <summary>With what caused it.</summary>
    public NonFiniteException(string message, Exception inner) : base(message, inner) { }

    /// <summary>No message: for serialisers only.</summary>
    public NonFiniteException() { }
}
