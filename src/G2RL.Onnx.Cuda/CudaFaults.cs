namespace G2RL.Onnx.Cuda;

/// <summary>
/// The driver's error numbers, and what to do about each. Source: CUresult of the CUDA driver API, whose numbers do not change between
/// versions.
/// </summary>
internal static class CudaFaults
{
    /// <summary>The oldest driver that has every function in use, and that of the PTX: CUDA 11.4.</summary>
    public const int OldestDriver = 11040;

    /// <summary>What the driver's library is called.</summary>
    public static string DriverLibrary => OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    private const int OutOfMemory = 2;
    private const string Reboot = "The driver's library and its kernel module do not belong together: reboot, or install the driver again";
    private const string Lost = "The context is lost and with it all work on the device; go on from the last checkpoint with --resume. "
        + "If it happens again, 'g2rl gpu-test' tells which kernel fails";

    // Number, the driver's name for it, the way out.
    private static readonly Dictionary<int, (string Name, string Remedy)> Known = new()
    {
        [1] = ("invalid value", "That is a fault of this program; please report it with this message"),
        [2] = ("out of memory", "Another program may hold it (nvidia-smi shows which); give this run less to do"),
        [3] = ("not initialized", Reboot),
        [35] = ("insufficient driver", "Install a newer NVIDIA driver"),
        [46] = ("devices unavailable",
            "Another process has the device to itself (nvidia-smi -q -d COMPUTE shows the mode); wait for it, or choose another device"),
        [100] = ("no device", "The driver is here but sees no GPU: is one built in, and does nvidia-smi -L list it? In a container, start "
            + "it with --gpus all; CUDA_VISIBLE_DEVICES may hide it"),
        [101] = ("invalid device", "nvidia-smi -L lists the devices"),
        [201] = ("invalid context", "That is a fault of this program; please report it with this message"),
        [500] = ("not found", "The embedded PTX has no such entry; run native/build-ptx.sh and build again"),
        [700] = ("illegal address", Lost),
        [702] = ("launch timeout",
            "The operating system stopped a kernel on a GPU that drives a display; use another GPU, or raise the time-out. " + Lost),
        [716] = ("misaligned address", Lost),
        [719] = ("launch failed", Lost),
        [803] = ("system driver mismatch", Reboot),
        [999] = ("unknown", "nvidia-smi may tell more; after a suspended session the driver often needs a reboot"),
    };

    /// <summary>The error of a call.</summary>
    /// <param name="what">What was asked for.</param>
    /// <param name="code">The driver's number.</param>
    /// <param name="cause">The binding's own error.</param>
    /// <param name="trail">Kernels that a fault of the device may be in; null where none was launched.</param>
    public static CudaException Of(string what, int code, Exception? cause = null, LaunchTrail? trail = null)
    {
        var (name, remedy) = Known.GetValueOrDefault(
            code, ("error", "The number is explained under CUresult in NVIDIA's documentation of the driver API"));
        var suspects = trail is not null && remedy.EndsWith(Lost, StringComparison.Ordinal) ? $" {trail.Describe()}." : "";
        var message = $"{what}: CUDA says '{name}' ({code}).{suspects} {remedy}.";
        return code == OutOfMemory ? new CudaMemoryException(message, cause) : new CudaException(message, cause);
    }

    /// <summary>No library of the driver.</summary>
    public static CudaException NoDriver(Exception? cause = null) => new(
        $"No NVIDIA driver is here: {DriverLibrary} cannot be loaded or lacks functions. "
            + $"Install {Diagnosis.CudaLibrary.Driver}, in a container start it with "
        + "--gpus all, or set execution.device=cpu.",
        cause);

    /// <summary>Throws where a driver is too old or has no device, and an <see cref="InputException"/> where it has no such one.</summary>
    public static void Refuse(int ordinal, int devices, int version)
    {
        if (version < OldestDriver)
            throw new CudaException($"The NVIDIA driver knows CUDA up to {Version(version)}; "
                + $"{Version(OldestDriver)} is the oldest that our kernels work with. Install {Diagnosis.CudaLibrary.Driver}.");
        if (devices == 0)
            throw Of("The CUDA driver", 100);
        if (ordinal < 0 || ordinal >= devices)
            throw new InputException($"There is no cuda:{ordinal}; "
                + $"the driver shows {(devices == 1 ? "one device, cuda:0" : $"{devices} devices, cuda:0 to cuda:{devices - 1}")}. "
                + "Name one of those in execution.device (nvidia-smi -L lists them, CUDA_VISIBLE_DEVICES hides and renumbers them).");
    }

    /// <summary>Throws where a device is older than the kernels.</summary>
    public static void Refuse(CudaDevice device)
    {
        if (device.Major * 10 + device.Minor < 75)
            throw new CudaException($"cuda:{device.Ordinal} ({device.Name}) has compute capability {device.Major}.{device.Minor}; "
                + "the kernels need 7.5 (Turing, 2018) or more. Use another device, or set execution.device=cpu.");
    }

    /// <summary>The driver's compiler rejects a module.</summary>
    public static CudaException Rejected(string module, int code, string name, string log, CudaDevice device, Exception? cause = null)
    {
        log = string.Join(
            Environment.NewLine,
            log.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(line => "  " + line));
        return new($"The driver (CUDA {Version(device.DriverVersion)}) rejects the PTX of module '{module}' for {device.Name}, compute "
            + $"capability {device.Major}.{device.Minor}: {name} ({code}). A newer driver may take it; "
            + "otherwise run native/build-ptx.sh and build again. "
            + $"Its compiler says:{Environment.NewLine}{(log.Length == 0 ? "  nothing" : log)}", cause);
    }

    /// <summary>As people write it: 12.8.</summary>
    public static string Version(int version) => $"{version / 1000}.{version % 1000 / 10}";
}
