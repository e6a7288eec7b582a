namespace G2RL.Onnx.Cuda.Memory;

/// <summary>Page-locked memory of the host, into which a device copies while the host does something else.</summary>
internal sealed unsafe class HostBuffer<T>(ICudaDriver driver, int count) : IDisposable where T : unmanaged
{
    private nint pointer = driver.AllocateHost(checked((long)count * sizeof(T)));

    /// <summary>What the last finished copy left.</summary>
    public ReadOnlySpan<T> Span => new((void*)pointer, count);

    /// <summary>Starts a copy of the first <paramref name="length"/> elements; an event tells when it is done.</summary>
    public void Fetch(nint source, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, count);
        driver.BeginCopyToHost(pointer, source, (long)length * sizeof(T));
    }

    public void Dispose()
    {
        if (pointer == 0)
            return;
        var freed = pointer;
        pointer = 0;
        try
        {
            driver.Synchronize();
        }
        catch (CudaException)
        {
            // As in DeviceMemory.Release: the driver gives it back with itself, and the first error stays the one that is told.
            return;
        }
        driver.FreeHost(freed);
    }
}
