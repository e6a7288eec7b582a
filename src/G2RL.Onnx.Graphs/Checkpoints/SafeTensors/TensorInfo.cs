namespace G2RL.Onnx.Checkpoints.SafeTensors;

/// <summary>Where a tensor lies in a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dtype">Its element type.</param>
/// <param name="Shape">Its sizes; empty for a single number.</param>
/// <param name="Offset">Its first byte, counted from the start of the file.</param>
/// <param name="Length">Its bytes.</param>
public sealed record TensorInfo(string Name, SafeTensorsDtype Dtype, long[] Shape, long Offset, long Length)
{
    /// <summary>How many elements it has.</summary>
    public long Count => Length / Dtype.Bytes();
}
