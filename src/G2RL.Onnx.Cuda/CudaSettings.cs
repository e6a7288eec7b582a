using G2RL.Onnx.Models;

namespace G2RL.Onnx.Cuda;

/// <summary>How a <see cref="CudaBackend"/> computes.</summary>
public sealed record CudaSettings
{
    /// <summary>How the decode graph reads its cache; CUDA has no GroupQueryAttention in float32.</summary>
    public CacheAttention CacheAttention { get; init; } = CacheAttention.Plain;

    /// <summary>Told what deserves a word.</summary>
    public Action<string>? Warning { get; init; }
}
