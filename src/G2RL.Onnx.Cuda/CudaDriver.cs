using System.Runtime.InteropServices;
using System.Runtime.Loader;
using ManagedCuda;
using ManagedCuda.BasicTypes;
using Microsoft.ML.OnnxRuntime;
using Binding = ManagedCuda.CudaException;
using Copies = ManagedCuda.DriverAPINativeMethods.AsynchronousMemcpy_v2;
using Fills = ManagedCuda.DriverAPINativeMethods.MemsetAsync;
using Functions = ManagedCuda.DriverAPINativeMethods.FunctionManagement;
using HostMemory = ManagedCuda.DriverAPINativeMethods.MemoryManagement;
using Launches = ManagedCuda.DriverAPINativeMethods.Launch;
using Modules = ManagedCuda.DriverAPINativeMethods.ModuleManagement;

namespace G2RL.Onnx.Cuda;

/// <summary>
/// One NVIDIA GPU through ManagedCuda or, with -p:CudaBinding=own, through our own file of the same names: the only file that names the
/// binding. It works in the device's primary context, which the CUDA runtime and so ONNX Runtime use too. One thread at a time.
/// </summary>
internal sealed class CudaDriver : ICudaDriver
{
    // What the compiler says about rejected PTX fits.
    private const int LogBytes = 16384;

    // More than any kernel of ours takes.
    private const int MostArguments = 64;

    // What a block takes of dynamic shared memory without being allowed more.
    private const int UsualShared = 48 * 1024;

    private readonly PrimaryContext context;
    private readonly CudaStream stream;
    private readonly Dictionary<nint, string> kernels = [];
    private readonly Dictionary<nint, int> allowedShared = [];
    private readonly Dictionary<nint, CudaEvent> events = [];
    private readonly Dictionary<nint, long> pageLocked = [];
    private readonly List<CUmodule> modules = [];
    private readonly LaunchTrail trail = new();

    // A launch's arguments and where each lies; reused, so that a launch allocates nothing.
    private readonly ulong[] arguments = GC.AllocateArray<ulong>(MostArguments, pinned: true);
    private readonly nint[] places = new nint[MostArguments];
    private bool disposed;

    // ManagedCuda asks for libcuda, which only developers' machines have; drivers install libcuda.so.1.
    static CudaDriver() =>
        AssemblyLoadContext.GetLoadContext(typeof(PrimaryContext).Assembly)!.ResolvingUnmanagedDll += (_, name) =>
            name == "nvcuda" && OperatingSystem.IsLinux() && NativeLibrary.TryLoad(CudaFaults.DriverLibrary, out var library) ? library : 0;

    /// <summary>Opens a device.</summary>
    /// <param name="ordinal">Its index.</param>
    /// <exception cref="InputException">There is no such device.</exception>
    /// <exception cref="CudaException">There is no driver or no device at all, or it is too old.</exception>
    public CudaDriver(int ordinal)
    {
        var version = 0;
        var devices = 0;
        try
        {
            DriverAPINativeMethods.cuDriverGetVersion(ref version);
            devices = CudaContext.GetDeviceCount();
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or EntryPointNotFoundException)
        {
            throw CudaFaults.NoDriver(e);
        }
        catch (Binding e)
        {
            throw CudaFaults.Of("The CUDA driver does not start", (int)e.CudaError, e);
        }
        CudaFaults.Refuse(ordinal, devices, version);
        context = Try($"cuda:{ordinal} cannot be opened", () => new PrimaryContext(ordinal));
        try
        {
            MakeCurrent();
            var capability = Try("The device does not tell its compute capability", context.GetDeviceComputeCapability);
            var bytes = Try("The device does not tell its memory", () => (long)context.GetTotalDeviceMemorySize());
            Device = new CudaDevice(ordinal, context.GetDeviceName().TrimEnd('\0'), capability.Major, capability.Minor, bytes, version);
            CudaFaults.Refuse(Device);
            stream = Try("No stream can be made", () => new CudaStream(CUStreamFlags.NonBlocking));
            Memory = new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, ordinal, OrtMemType.Default);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public CudaDevice Device { get; }

    /// <inheritdoc/>
    public OrtMemoryInfo Memory { get; }

    /// <inheritdoc/>
    public nint Stream => stream.Stream.Pointer;

    /// <inheritdoc/>
    public void MakeCurrent() => Try("The context cannot be made current", context.SetCurrent);

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        return Try($"{bytes} bytes of device memory", () => (nint)(long)context.AllocateMemory(bytes).Pointer);
    }

    /// <inheritdoc/>
    public void Free(nint pointer) => Try("Device memory cannot be given back", () => context.FreeMemory(At(pointer)));

    /// <inheritdoc/>
    public unsafe void CopyToDevice(nint destination, ReadOnlySpan<byte> source)
    {
        fixed (byte* bytes = source)
        {
            // The driver stages ordinary memory before the call returns, but reads page-locked memory when the copy's turn comes.
            Check("A copy to the device", Copies.cuMemcpyHtoDAsync_v2(At(destination), (nint)bytes, source.Length, stream.Stream));
            if (IsPageLocked((nint)bytes))
                Synchronize();
        }
    }

    /// <inheritdoc/>
    public unsafe void CopyToHost(Span<byte> destination, nint source)
    {
        fixed (byte* bytes = destination)
        {
            Check("A copy to the host", Copies.cuMemcpyDtoHAsync_v2((nint)bytes, At(source), destination.Length, stream.Stream));
            Synchronize();
        }
    }

    /// <inheritdoc/>
    public void BeginCopyToHost(nint hostDestination, nint source, long bytes)
    {
        if (!IsPageLocked(hostDestination))
            throw new ArgumentException(
                "The destination is not page-locked; ordinary memory would make the copy wait. Take it from AllocateHost.",
                nameof(hostDestination));
        Check("A copy to the host", Copies.cuMemcpyDtoHAsync_v2(hostDestination, At(source), bytes, stream.Stream));
    }

    /// <inheritdoc/>
    public void CopyOnDevice(nint destination, nint source, long bytes) =>
        Check("A copy on the device", Copies.cuMemcpyDtoDAsync_v2(At(destination), At(source), bytes, stream.Stream));

    /// <inheritdoc/>
    public void Fill(nint destination, byte value, long bytes) =>
        Check("A fill", Fills.cuMemsetD8Async(At(destination), value, bytes, stream.Stream));

    /// <inheritdoc/>
    public nint AllocateHost(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        nint pointer = 0;
        Check($"{bytes} bytes of page-locked memory", HostMemory.cuMemAllocHost_v2(ref pointer, bytes));
        pageLocked.Add(pointer, bytes);
        return pointer;
    }

    /// <inheritdoc/>
    public void FreeHost(nint pointer)
    {
        Check("Page-locked memory cannot be given back", HostMemory.cuMemFreeHost(pointer));
        pageLocked.Remove(pointer);
    }

    /// <inheritdoc/>
    public nint LoadModule(string name, ReadOnlySpan<byte> ptx)
    {
        using var options = new CudaJitOptionCollection();
        var log = new CudaJOErrorLogBuffer(LogBytes);
        options.Add(log);
        try
        {
            var module = context.LoadModulePTX(ptx.ToArray(), options);
            modules.Add(module);
            return module.Pointer;
        }
        catch (Binding e)
        {
            throw CudaFaults.Rejected(name, (int)e.CudaError, e.CudaError.ToString(), log.Value, Device, e);
        }
    }

    /// <inheritdoc/>
    public nint Kernel(nint module, string entry)
    {
        var function = default(CUfunction);
        Check($"Kernel '{entry}'", Modules.cuModuleGetFunction(ref function, new CUmodule { Pointer = module }, entry));
        kernels.TryAdd(function.Pointer, entry);
        return function.Pointer;
    }

    /// <inheritdoc/>
    public unsafe void Launch(
        nint kernel, (int X, int Y, int Z) grid, (int X, int Y, int Z) block, int sharedBytes, ReadOnlySpan<KernelArgument> arguments)
    {
        // The driver reads as many bytes of each as the kernel declares, the low ones first.
        for (var i = 0; i < arguments.Length; i++)
            (this.arguments[i], places[i]) =
                (arguments[i].Bits, (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref this.arguments[i]));
        var name = kernels[kernel];
        if (sharedBytes > UsualShared && sharedBytes > allowedShared.GetValueOrDefault(kernel))
        {
            Check(
                $"{sharedBytes} bytes of shared memory for kernel '{name}'",
                Functions.cuFuncSetAttribute(
                    new CUfunction { Pointer = kernel }, CUFunctionAttribute.MaxDynamicSharedSizeBytes, sharedBytes));
            allowedShared[kernel] = sharedBytes;
        }
        trail.Add(name);
        var result = Launches.cuLaunchKernel(
            new CUfunction { Pointer = kernel },
            (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)block.X, (uint)block.Y, (uint)block.Z,
            (uint)sharedBytes, stream.Stream, places, null);
        if (result != CUResult.Success)
            Check($"Kernel '{name}' on a grid of {grid} and blocks of {block}", result);
    }

    /// <inheritdoc/>
    public nint CreateEvent()
    {
        var created = Try("No event can be made", () => new CudaEvent(CUEventFlags.Default));
        events.Add(created.Event.Pointer, created);
        return created.Event.Pointer;
    }

    /// <inheritdoc/>
    public void Record(nint cudaEvent) => Try("An event cannot be recorded", () => events[cudaEvent].Record(stream.Stream));

    /// <inheritdoc/>
    public void Wait(nint cudaEvent) => Try("Work on the device", events[cudaEvent].Synchronize);

    /// <inheritdoc/>
    public float Elapsed(nint start, nint end) =>
        Try("The time between two events", () => CudaEvent.ElapsedTime(events[start], events[end]));

    /// <inheritdoc/>
    public void FreeEvent(nint cudaEvent)
    {
        if (events.Remove(cudaEvent, out var freed))
            freed.Dispose();
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        Try("Work on the device", stream.Synchronize);
        trail.Clear();
    }

    /// <inheritdoc/>
    public (long Free, long Total) MemoryInfo() => Try(
        "The device does not tell its memory",
        () => ((long)context.GetFreeDeviceMemorySize(), (long)context.GetTotalDeviceMemorySize()));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        // Nothing here may throw: the context may be lost, and it gives everything back with itself.
        context.SetCurrent();
        foreach (var left in events.Values)
            left.Dispose();
        foreach (var pointer in pageLocked.Keys)
            _ = HostMemory.cuMemFreeHost(pointer);
        foreach (var module in modules)
            _ = Modules.cuModuleUnload(module);
        stream.Dispose();
        context.Dispose();
        Memory.Dispose();
    }

    private static CUdeviceptr At(nint pointer) => new((SizeT)(long)pointer);

    private bool IsPageLocked(nint pointer) => pageLocked.Any(b => pointer >= b.Key && pointer < b.Key + b.Value);

    private void Check(string what, CUResult result)
    {
        if (result != CUResult.Success)
            throw CudaFaults.Of(what, (int)result, new Binding(result), trail);
    }

    private void Try(string what, Action action) => Try(what, () =>
    {
        action();
        return true;
    });

    private T Try<T>(string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Binding e)
        {
            throw CudaFaults.Of(what, (int)e.CudaError, e, trail);
        }
    }
}
