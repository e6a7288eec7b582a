using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda.Tests.Driver;

/// <summary>
/// The driver over the stand-in as ONNX Runtime's CPU provider can share it: the memory is the host's, and what is enqueued is done before
/// a session reads it. Copies to page-locked memory stay enqueued until somebody waits.
/// </summary>
/// <param name="inner">The driver.</param>
/// <param name="onDevice">
/// Whether sessions are the CUDA provider's all the same. Launches over its memory must not be left enqueued: a device waits for them when
/// that is freed, and the stubs do not.
/// </param>
internal sealed class HostSideDriver(ICudaDriver inner, bool onDevice = false) : ICudaDriver
{
    private readonly Dictionary<string, int> launches = new(StringComparer.Ordinal);
    private readonly Dictionary<nint, string> names = [];

    /// <summary>Launches of each entry.</summary>
    public IReadOnlyDictionary<string, int> Launches => launches;

    public CudaDevice Device => inner.Device;

    public OrtMemoryInfo Memory => onDevice ? inner.Memory : OrtMemoryInfo.DefaultInstance;

    public nint Stream => onDevice ? inner.Stream : 0;

    public void MakeCurrent() => inner.MakeCurrent();

    public nint Allocate(long bytes) => inner.Allocate(bytes);

    public void Free(nint pointer) => inner.Free(pointer);

    public void CopyToDevice(nint destination, ReadOnlySpan<byte> source)
    {
        inner.CopyToDevice(destination, source);
        inner.Synchronize();
    }

    public void CopyToHost(Span<byte> destination, nint source) => inner.CopyToHost(destination, source);

    public void BeginCopyToHost(nint hostDestination, nint source, long bytes) => inner.BeginCopyToHost(hostDestination, source, bytes);

    public void CopyOnDevice(nint destination, nint source, long bytes)
    {
        inner.CopyOnDevice(destination, source, bytes);
        inner.Synchronize();
    }

    public void Fill(nint destination, byte value, long bytes)
    {
        inner.Fill(destination, value, bytes);
        inner.Synchronize();
    }

    public nint AllocateHost(long bytes) => inner.AllocateHost(bytes);

    public void FreeHost(nint pointer) => inner.FreeHost(pointer);

    public nint LoadModule(string name, ReadOnlySpan<byte> ptx) => inner.LoadModule(name, ptx);

    public nint Kernel(nint module, string entry)
    {
        var kernel = inner.Kernel(module, entry);
        names[kernel] = entry;
        return kernel;
    }

    public void Launch(
        nint kernel,
        (int X, int Y, int Z) grid,
        (int X, int Y, int Z) block,
        int sharedBytes,
        ReadOnlySpan<KernelArgument> arguments)
    {
        inner.Launch(kernel, grid, block, sharedBytes, arguments);
        inner.Synchronize();
        launches[names[kernel]] = launches.GetValueOrDefault(names[kernel]) + 1;
    }

    public nint CreateEvent() => inner.CreateEvent();

    public void Record(nint cudaEvent) => inner.Record(cudaEvent);

    public void Wait(nint cudaEvent) => inner.Wait(cudaEvent);

    public float Elapsed(nint start, nint end) => inner.Elapsed(start, end);

    public void FreeEvent(nint cudaEvent) => inner.FreeEvent(cudaEvent);

    public void Synchronize() => inner.Synchronize();

    public (long Free, long Total) MemoryInfo() => inner.MemoryInfo();

    public void Dispose() => inner.Dispose();
}
