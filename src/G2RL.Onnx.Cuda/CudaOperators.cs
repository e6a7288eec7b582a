namespace G2RL.Onnx.Cuda;

/// <summary>What a graph must keep to so that each of its operators has a CUDA kernel in ONNX Runtime 1.31.</summary>
public static class CudaOperators
{
    /// <summary>
    /// The version of ONNX's operator set to write graphs in. A kernel that is registered from a version on holds for that version alone:
    /// at 21 Identity, ConstantOfShape, Pad, Equal, ReduceMax and ReduceMin would run on the CPU, with a copy there and back for each; at
    /// 18 everything runs on the device.
    /// </summary>
    public const int Opset = 18;
}
