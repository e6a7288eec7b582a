namespace G2RL.Onnx.Cuda;

/// <summary>What a graph must keep to so that each of its operators has a CUDA kernel in ONNX Runtime 1.31.</summary>
public static class CudaOperators
{
    /// <summary>
    /// The version of ONNX's operator set to write graphs in. ONNX Runtime before 1.31 may hold a kernel that is registered from a version
    /// on for that version alone, and at 21 put Identity, ConstantOfShape, Pad, Equal and ReduceMax on the CPU, with a copy there and back
    /// for each; the provider of 1.31.0 was seen to take them at 21 as well. At 18 everything runs on the device in either.
    /// </summary>
    public const int Opset = 18;
}
