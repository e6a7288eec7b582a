using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda;

/// <summary>
/// What the backend asks of one CUDA device and its one stream. Two implementations: the driver API through ManagedCuda, and in the tests
/// an interpreter of the same PTX over host memory.
/// </summary>
public interface ICudaDriver : IDisposable
{
    /// <summary>The device.</summary>
    CudaDevice Device { get; }

    /// <summary>How ONNX Runtime calls memory of this driver: "Cuda" on a device, "Cpu" where the pointers are the host's.</summary>
    OrtMemoryInfo Memory { get; }

    /// <summary>The stream of every copy and launch, to be shared with ONNX Runtime (user_compute_stream); 0 where there is none.</summary>
    nint Stream { get; }

    /// <summary>Makes the device's primary context current on this thread; ONNX Runtime may leave another one.</summary>
    void MakeCurrent();

    /// <summary>Device memory, aligned to 256 bytes, its content undefined.</summary>
    /// <param name="bytes">At least 1.</param>
    /// <exception cref="CudaMemoryException">The device has no such block left.</exception>
    nint Allocate(long bytes);

    /// <summary>Gives a block back. Work that uses it must have ended.</summary>
    void Free(nint pointer);

    /// <summary>Host to device, in stream order. The source may be changed when this returns.</summary>
    void CopyToDevice(nint destination, ReadOnlySpan<byte> source);

    /// <summary>Device to host; returns when the bytes are there.</summary>
    void CopyToHost(Span<byte> destination, nint source);

    /// <summary>
    /// Device to page-locked host memory of <see cref="AllocateHost"/>, in stream order; record an event to know when it is done.
    /// </summary>
    void BeginCopyToHost(nint hostDestination, nint source, long bytes);

    /// <summary>Device to device, in stream order. The ranges must not overlap.</summary>
    void CopyOnDevice(nint destination, nint source, long bytes);

    /// <summary>Sets every byte, in stream order.</summary>
    void Fill(nint destination, byte value, long bytes);

    /// <summary>Page-locked host memory.</summary>
    nint AllocateHost(long bytes);

    /// <summary>Gives page-locked memory back.</summary>
    void FreeHost(nint pointer);

    /// <summary>Loads a PTX module; the driver compiles it for the device.</summary>
    /// <exception cref="CudaException">The driver rejects it; the message has the compiler's log.</exception>
    nint LoadModule(string name, ReadOnlySpan<byte> ptx);

    /// <summary>An entry point of a module.</summary>
    /// <exception cref="CudaException">The module has no such entry.</exception>
    nint Kernel(nint module, string entry);

    /// <summary>Launches, in stream order.</summary>
    /// <param name="kernel">Of <see cref="Kernel"/>.</param>
    /// <param name="grid">Blocks in x, y, z.</param>
    /// <param name="block">Threads of a block in x, y, z.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block, bytes.</param>
    /// <param name="arguments">In the order of the kernel's parameters, each of its exact width.</param>
    void Launch(
        nint kernel,
        (int X, int Y, int Z) grid,
        (int X, int Y, int Z) block,
        int sharedBytes,
        ReadOnlySpan<KernelArgument> arguments);

    /// <summary>An event.</summary>
    nint CreateEvent();

    /// <summary>Marks the work so far.</summary>
    void Record(nint cudaEvent);

    /// <summary>Returns when the work before the event is done.</summary>
    void Wait(nint cudaEvent);

    /// <summary>Milliseconds between two events that are done.</summary>
    float Elapsed(nint start, nint end);

    /// <summary>Gives an event back.</summary>
    void FreeEvent(nint cudaEvent);

    /// <summary>Returns when all work is done.</summary>
    /// <exception cref="CudaException">A kernel or a copy failed.</exception>
    void Synchronize();

    /// <summary>Free and total bytes of the device.</summary>
    (long Free, long Total) MemoryInfo();
}
