using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cuda;

/// <summary>The device or its driver refused something: what was asked, the driver's name for the fault, and the way out.</summary>
public class CudaException(string message, Exception? inner = null) : DeviceException(message, inner);
