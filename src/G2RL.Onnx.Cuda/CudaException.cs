namespace G2RL.Onnx.Cuda;

/// <summary>The device or its driver refused something: what was asked, the driver's name for the fault, and the way out.</summary>
public class CudaException(string message, Exception? inner = null) : Exception(message, inner);
