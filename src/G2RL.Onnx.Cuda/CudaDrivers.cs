namespace G2RL.Onnx.Cuda;

/// <summary>Where a driver comes from.</summary>
public static class CudaDrivers
{
    /// <summary>Whether this build can drive a GPU.</summary>
    public static bool Available =>
#if CUDA
        true;
#else
        false;
#endif

    /// <summary>Opens a device.</summary>
    /// <param name="ordinal">The N of cuda:N.</param>
    /// <exception cref="InputException">This build cannot drive a GPU.</exception>
    /// <exception cref="CudaException">The driver or the device refuses.</exception>
    public static ICudaDriver Open(int ordinal) =>
#if CUDA
        new CudaDriver(ordinal);
#else
        throw new InputException($"execution.device is cuda:{ordinal}; this build works on the CPU alone. "
            + "Build with -p:Flavor=cuda (README, GPU), or set execution.device=cpu.");
#endif
}
