using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>No worker is left and the configuration says not to compute without; what was done is saved.</summary>
public sealed class WorkersLostException(string message) : DeviceException(message);
