namespace G2RL.Onnx.Cuda;

/// <summary>What a device says of itself.</summary>
/// <param name="Ordinal">The index that cuda:N names.</param>
/// <param name="Name">As the driver gives it.</param>
/// <param name="Major">Compute capability, major.</param>
/// <param name="Minor">Compute capability, minor.</param>
/// <param name="Bytes">Memory in all.</param>
/// <param name="DriverVersion">1000 x major + 10 x minor of the newest CUDA that the driver knows.</param>
public sealed record CudaDevice(int Ordinal, string Name, int Major, int Minor, long Bytes, int DriverVersion)
{
    /// <summary>As settings name it.</summary>
    public string Device => $"cuda:{Ordinal}";
}
