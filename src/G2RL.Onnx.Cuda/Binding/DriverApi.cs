using System.Runtime.InteropServices;
using ManagedCuda.BasicTypes;

// The members of ManagedCuda that CudaDriver.cs names, and no others, written anew over the driver API: the binding of -p:CudaBinding=own,
// under this project's licence. Names, signatures and the library's name are ManagedCuda's, so that one driver file serves both; the tests
// of every build run on it.
namespace ManagedCuda;

internal static partial class DriverAPINativeMethods
{
    internal const string Library = "nvcuda";

    [LibraryImport(Library)]
    internal static partial CUResult cuInit(uint flags);

    [LibraryImport(Library)]
    internal static partial CUResult cuDriverGetVersion(ref int driverVersion);

    internal static partial class AsynchronousMemcpy_v2
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, nint srcHost, SizeT byteCount, CUstream hStream);

        [LibraryImport(Library)]
        internal static partial CUResult cuMemcpyDtoHAsync_v2(nint dstHost, CUdeviceptr srcDevice, SizeT byteCount, CUstream hStream);

        [LibraryImport(Library)]
        internal static partial CUResult cuMemcpyDtoDAsync_v2(
            CUdeviceptr dstDevice,
            CUdeviceptr srcDevice,
            SizeT byteCount,
            CUstream hStream);
    }

    internal static partial class MemsetAsync
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuMemsetD8Async(CUdeviceptr dstDevice, byte b, SizeT n, CUstream hStream);
    }

    internal static partial class MemoryManagement
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuMemAllocHost_v2(ref nint pp, SizeT bytesize);

        [LibraryImport(Library)]
        internal static partial CUResult cuMemFreeHost(nint p);

        [LibraryImport(Library)]
        internal static partial CUResult cuMemAlloc_v2(out CUdeviceptr dptr, SizeT bytesize);

        [LibraryImport(Library)]
        internal static partial CUResult cuMemFree_v2(CUdeviceptr dptr);

        [LibraryImport(Library)]
        internal static partial CUResult cuMemGetInfo_v2(out SizeT free, out SizeT total);
    }

    internal static partial class ModuleManagement
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuModuleUnload(CUmodule hmod);

        [LibraryImport(Library)]
        internal static unsafe partial CUResult cuModuleLoadDataEx(
            out CUmodule module,
            byte* image,
            uint numOptions,
            int* options,
            nint* optionValues);

        [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial CUResult cuModuleGetFunction(ref CUfunction hfunc, CUmodule hmod, string name);
    }

    internal static partial class FunctionManagement
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuFuncSetAttribute(CUfunction hfunc, CUFunctionAttribute attrib, int value);
    }

    internal static partial class Devices
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuDeviceGetCount(out int count);

        [LibraryImport(Library)]
        internal static partial CUResult cuDeviceGet(out int device, int ordinal);

        [LibraryImport(Library)]
        internal static unsafe partial CUResult cuDeviceGetName(byte* name, int len, int dev);

        [LibraryImport(Library)]
        internal static partial CUResult cuDeviceGetAttribute(out int pi, int attrib, int dev);

        [LibraryImport(Library)]
        internal static partial CUResult cuDevicePrimaryCtxRetain(out nint pctx, int dev);

        [LibraryImport(Library)]
        internal static partial CUResult cuDevicePrimaryCtxRelease_v2(int dev);

        [LibraryImport(Library)]
        internal static partial CUResult cuCtxSetCurrent(nint ctx);
    }

    internal static partial class Streams
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuStreamCreate(out CUstream stream, CUStreamFlags flags);

        [LibraryImport(Library)]
        internal static partial CUResult cuStreamDestroy_v2(CUstream stream);

        [LibraryImport(Library)]
        internal static partial CUResult cuStreamSynchronize(CUstream stream);
    }

    internal static partial class Launch
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuLaunchKernel(
            CUfunction f,
            uint gridDimX,
            uint gridDimY,
            uint gridDimZ,
            uint blockDimX,
            uint blockDimY,
            uint blockDimZ,
            uint sharedMemBytes,
            CUstream hStream,
            nint[] kernelParams,
            nint[]? extra);
    }

    internal static partial class Events
    {
        [LibraryImport(Library)]
        internal static partial CUResult cuEventCreate(out CUevent e, CUEventFlags flags);

        [LibraryImport(Library)]
        internal static partial CUResult cuEventDestroy_v2(CUevent e);

        [LibraryImport(Library)]
        internal static partial CUResult cuEventRecord(CUevent e, CUstream stream);

        [LibraryImport(Library)]
        internal static partial CUResult cuEventSynchronize(CUevent e);

        [LibraryImport(Library)]
        internal static partial CUResult cuEventElapsedTime(out float milliseconds, CUevent start, CUevent end);
    }
}
