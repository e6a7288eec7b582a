namespace G2RL.Onnx.Cuda;

/// <summary>
/// The device has no block of the size asked for; the message names the largest buffers and the settings that shrink them.
/// </summary>
public sealed class CudaMemoryException(string message, Exception? inner = null) : CudaException(message, inner)
{
    /// <inheritdoc/>
    public override bool IsInput => true;
}
