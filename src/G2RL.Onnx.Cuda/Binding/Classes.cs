using System.Runtime.InteropServices;
using System.Text;
using ManagedCuda.BasicTypes;
using static ManagedCuda.DriverAPINativeMethods;

namespace ManagedCuda;

#pragma warning disable CA1822 // instance methods there

internal sealed class CudaException(CUResult error) : Exception(error.ToString())
{
    public CUResult CudaError => error;

    internal static void Throw(CUResult result)
    {
        if (result != CUResult.Success)
            throw new CudaException(result);
    }
}

internal class CudaContext
{
    public static int GetDeviceCount()
    {
        var result = Devices.cuDeviceGetCount(out var count);
        if (result == CUResult.ErrorNotInitialized)
        {
            CudaException.Throw(cuInit(0));
            result = Devices.cuDeviceGetCount(out count);
        }
        CudaException.Throw(result);
        return count;
    }
}

internal sealed class PrimaryContext : CudaContext, IDisposable
{
    private readonly int device;
    private readonly nint context;

    public PrimaryContext(int deviceId)
    {
        CudaException.Throw(Devices.cuDeviceGet(out device, deviceId));
        CudaException.Throw(Devices.cuDevicePrimaryCtxRetain(out context, device));
    }

    public void SetCurrent() => CudaException.Throw(Devices.cuCtxSetCurrent(context));

    public Version GetDeviceComputeCapability()
    {
        CudaException.Throw(Devices.cuDeviceGetAttribute(out var major, 75, device));
        CudaException.Throw(Devices.cuDeviceGetAttribute(out var minor, 76, device));
        return new(major, minor);
    }

    public unsafe string GetDeviceName()
    {
        var bytes = stackalloc byte[256];
        CudaException.Throw(Devices.cuDeviceGetName(bytes, 256, device));
        return Marshal.PtrToStringUTF8((nint)bytes)!;
    }

    public SizeT GetTotalDeviceMemorySize()
    {
        CudaException.Throw(MemoryManagement.cuMemGetInfo_v2(out _, out var total));
        return total;
    }

    public SizeT GetFreeDeviceMemorySize()
    {
        CudaException.Throw(MemoryManagement.cuMemGetInfo_v2(out var free, out _));
        return free;
    }

    public CUdeviceptr AllocateMemory(SizeT bytes)
    {
        CudaException.Throw(MemoryManagement.cuMemAlloc_v2(out var pointer, bytes));
        return pointer;
    }

    public void FreeMemory(CUdeviceptr pointer) => CudaException.Throw(MemoryManagement.cuMemFree_v2(pointer));

    public unsafe CUmodule LoadModulePTX(byte[] image, CudaJitOptionCollection options)
    {
        Array.Resize(ref image, image.Length + 1);
        var numbers = stackalloc int[] { 6, 5 };
        var values = stackalloc nint[]
        {
            options.Log!.Buffer.Length,
            (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref options.Log.Buffer[0]),
        };
        fixed (byte* bytes = image)
        {
            CudaException.Throw(ModuleManagement.cuModuleLoadDataEx(out var module, bytes, 2, numbers, values));
            return module;
        }
    }

    public void Dispose() => Devices.cuDevicePrimaryCtxRelease_v2(device);
}

internal sealed class CudaJitOptionCollection : IDisposable
{
    internal CudaJOErrorLogBuffer? Log { get; private set; }

    public void Add(CudaJOErrorLogBuffer option) => Log = option;

    public void Dispose() => Log = null;
}

internal sealed class CudaJOErrorLogBuffer(int size)
{
    internal byte[] Buffer { get; } = GC.AllocateArray<byte>(size, pinned: true);

    public string Value => Encoding.UTF8.GetString(Buffer).TrimEnd('\0');
}

internal sealed class CudaStream : IDisposable
{
    public CudaStream(CUStreamFlags flags)
    {
        CudaException.Throw(Streams.cuStreamCreate(out var stream, flags));
        Stream = stream;
    }

    public CUstream Stream { get; }

    public void Synchronize() => CudaException.Throw(Streams.cuStreamSynchronize(Stream));

    public void Dispose() => Streams.cuStreamDestroy_v2(Stream);
}

internal sealed class CudaEvent : IDisposable
{
    public CudaEvent(CUEventFlags flags)
    {
        CudaException.Throw(Events.cuEventCreate(out var created, flags));
        Event = created;
    }

    public CUevent Event { get; }

    public static float ElapsedTime(CudaEvent start, CudaEvent end)
    {
        CudaException.Throw(Events.cuEventElapsedTime(out var milliseconds, start.Event, end.Event));
        return milliseconds;
    }

    public void Record(CUstream stream) => CudaException.Throw(Events.cuEventRecord(Event, stream));

    public void Synchronize() => CudaException.Throw(Events.cuEventSynchronize(Event));

    public void Dispose() => Events.cuEventDestroy_v2(Event);
}
