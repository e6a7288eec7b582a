using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>
/// A CUDA driver without a device: memory is the host's, and everything has happened when a call returns. How kernels run is up to the
/// heir.
/// </summary>
/// <param name="name">What the device calls itself.</param>
/// <param name="memoryBytes">What the device has in all; <see cref="Allocate"/> beyond it is out of memory.</param>
/// <param name="tracksWrites">Reads of device memory that nothing has written are errors.</param>
/// <param name="ordinal">Which device it is.</param>
public abstract unsafe class EmulatedDriver(string name, long memoryBytes, bool tracksWrites, int ordinal = 0) : ICudaDriver
{
    private readonly DeviceHeap heap = new(tracksWrites);
    private readonly Dictionary<nint, long> events = [];
    private readonly Dictionary<nint, long> hostBlocks = [];
    private readonly Dictionary<string, long> launches = [];
    private nint nextHandle;

    /// <inheritdoc/>
    public CudaDevice Device { get; } = new(ordinal, name, 7, 5, memoryBytes, 12080);

    /// <inheritdoc/>
    public OrtMemoryInfo Memory => OrtMemoryInfo.DefaultInstance;

    /// <inheritdoc/>
    public nint Stream => 0;

    /// <summary>Launches of each entry.</summary>
    public IReadOnlyDictionary<string, long> Launches => launches;

    private protected DeviceHeap Heap => heap;

    /// <inheritdoc/>
    public void MakeCurrent()
    {
    }

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        if (heap.Bytes + bytes > memoryBytes)
            throw new CudaMemoryException($"The interpreter's device has {memoryBytes - heap.Bytes} of {memoryBytes} bytes left; "
                + $"{bytes} were asked for.");
        return heap.Allocate(bytes);
    }

    /// <inheritdoc/>
    public void Free(nint pointer) => Guarded(() => heap.Free(pointer));

    /// <inheritdoc/>
    public void CopyToDevice(nint destination, ReadOnlySpan<byte> source)
    {
        Check(destination, source.Length, write: true);
        source.CopyTo(new Span<byte>((void*)destination, source.Length));
    }

    /// <inheritdoc/>
    public void CopyToHost(Span<byte> destination, nint source)
    {
        Check(source, destination.Length, write: false);
        new ReadOnlySpan<byte>((void*)source, destination.Length).CopyTo(destination);
    }

    /// <inheritdoc/>
    public void BeginCopyToHost(nint hostDestination, nint source, long bytes)
    {
        Check(source, bytes, write: false);
        if (!hostBlocks.Any(b => hostDestination >= b.Key && hostDestination + bytes <= b.Key + b.Value))
            throw new CudaException($"{bytes} bytes at {hostDestination:x} are not page-locked host memory of this driver.");
        Buffer.MemoryCopy((void*)source, (void*)hostDestination, bytes, bytes);
    }

    /// <inheritdoc/>
    public void CopyOnDevice(nint destination, nint source, long bytes)
    {
        Check(source, bytes, write: false);
        Check(destination, bytes, write: true);
        if (source < destination + bytes && destination < source + bytes)
            throw new CudaException("A copy on the device overlaps itself.");
        Buffer.MemoryCopy((void*)source, (void*)destination, bytes, bytes);
    }

    /// <inheritdoc/>
    public void Fill(nint destination, byte value, long bytes)
    {
        Check(destination, bytes, write: true);
        NativeMemory.Fill((void*)destination, (nuint)bytes, value);
    }

    /// <inheritdoc/>
    public nint AllocateHost(long bytes)
    {
        var pointer = (nint)NativeMemory.AllocZeroed((nuint)bytes);
        hostBlocks.Add(pointer, bytes);
        return pointer;
    }

    /// <inheritdoc/>
    public void FreeHost(nint pointer)
    {
        if (!hostBlocks.Remove(pointer))
            throw new CudaException($"No page-locked block starts at {pointer:x}.");
        NativeMemory.Free((void*)pointer);
    }

    /// <inheritdoc/>
    public abstract nint LoadModule(string name, ReadOnlySpan<byte> ptx);

    /// <inheritdoc/>
    public abstract nint Kernel(nint module, string entry);

    /// <inheritdoc/>
    public abstract void Launch(
        nint kernel,
        (int X, int Y, int Z) grid,
        (int X, int Y, int Z) block,
        int sharedBytes,
        ReadOnlySpan<KernelArgument> arguments);

    /// <inheritdoc/>
    public nint CreateEvent()
    {
        var handle = NextHandle();
        events.Add(handle, 0);
        return handle;
    }

    /// <inheritdoc/>
    public void Record(nint cudaEvent) => events[cudaEvent] = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public void Wait(nint cudaEvent)
    {
        if (events[cudaEvent] == 0)
            throw new CudaException("The event was never recorded.");
    }

    /// <inheritdoc/>
    public float Elapsed(nint start, nint end) => (float)Stopwatch.GetElapsedTime(events[start], events[end]).TotalMilliseconds;

    /// <inheritdoc/>
    public void FreeEvent(nint cudaEvent) => events.Remove(cudaEvent);

    /// <inheritdoc/>
    public void Synchronize()
    {
    }

    /// <inheritdoc/>
    public (long Free, long Total) MemoryInfo() => (memoryBytes - heap.Bytes, memoryBytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives everything back.</summary>
    protected virtual void Dispose(bool disposing)
    {
        heap.Dispose();
        foreach (var pointer in hostBlocks.Keys)
            NativeMemory.Free((void*)pointer);
        hostBlocks.Clear();
    }

    /// <summary>A handle that no other thing of this driver has.</summary>
    private protected nint NextHandle() => ++nextHandle;

    /// <summary>Counts a launch.</summary>
    private protected void Count(string entry) => launches[entry] = launches.GetValueOrDefault(entry) + 1;

    private void Check(nint pointer, long bytes, bool write) => Guarded(() => heap.Check((ulong)pointer, bytes, write));

    private protected static void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (PtxException e)
        {
            throw new CudaException(e.Message, e);
        }
    }
}
