using System.Runtime.InteropServices;
using System.Text;

namespace G2RL.Onnx.Cuda.Diagnosis;

/// <summary>What the NVIDIA driver says of this machine, asked without any binding, so that every build can.</summary>
/// <param name="DriverVersion">1000 x major + 10 x minor of the newest CUDA that the driver knows; 0 where there is no driver.</param>
/// <param name="Devices">Devices.</param>
/// <param name="Fault">What is wrong and what to do; null where all is well.</param>
public sealed unsafe record CudaProbe(int DriverVersion, IReadOnlyList<CudaDevice> Devices, string? Fault)
{
    // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
    private const int Major = 75;
    private const int Minor = 76;
    private const int NameBytes = 256;

    /// <summary>Asks the driver. No context is made and no memory taken on a device.</summary>
    public static CudaProbe Look()
    {
        if (!NativeLibrary.TryLoad(CudaFaults.DriverLibrary, out var driver))
            return new(0, [], CudaFaults.NoDriver().Message);
        var version = 0;
        var devices = new List<CudaDevice>();
        try
        {
            Ask(((delegate* unmanaged<int*, int>)NativeLibrary.GetExport(driver, "cuDriverGetVersion"))(&version));
            Ask(((delegate* unmanaged<uint, int>)NativeLibrary.GetExport(driver, "cuInit"))(0));
            var count = 0;
            Ask(((delegate* unmanaged<int*, int>)NativeLibrary.GetExport(driver, "cuDeviceGetCount"))(&count));
            for (var ordinal = 0; ordinal < count; ordinal++)
                devices.Add(Describe(driver, ordinal, version));
            CudaFaults.Refuse(0, devices.Count, version);
            foreach (var device in devices)
                CudaFaults.Refuse(device);
            return new(version, devices, null);
        }
        catch (CudaException e)
        {
            return new(version, devices, e.Message);
        }
        catch (EntryPointNotFoundException e)
        {
            return new(version, devices, CudaFaults.NoDriver(e).Message);
        }
        finally
        {
            NativeLibrary.Free(driver);
        }
    }

    private static CudaDevice Describe(nint driver, int ordinal, int version)
    {
        var (handle, major, minor) = (0, 0, 0);
        nuint bytes = 0;
        var name = stackalloc byte[NameBytes];
        Ask(((delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGet"))(&handle, ordinal));
        Ask(((delegate* unmanaged<byte*, int, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGetName"))(name, NameBytes, handle));
        Ask(((delegate* unmanaged<nuint*, int, int>)NativeLibrary.GetExport(driver, "cuDeviceTotalMem_v2"))(&bytes, handle));
        var attribute = (delegate* unmanaged<int*, int, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGetAttribute");
        Ask(attribute(&major, Major, handle));
        Ask(attribute(&minor, Minor, handle));
        return new(
            ordinal,
            Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name)),
            major,
            minor,
            (long)bytes,
            version);
    }

    private static void Ask(int result)
    {
        if (result != 0)
            throw CudaFaults.Of("The CUDA driver", result);
    }
}
