using System.Globalization;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Cuda.Diagnosis;

/// <summary>Whether this machine and build can train on a GPU, and what is missing.</summary>
/// <param name="Probe">What the driver says.</param>
/// <param name="Libraries">What ONNX Runtime's provider finds.</param>
/// <param name="HasProvider">Whether ONNX Runtime has the CUDA provider.</param>
/// <param name="HasDriver">Whether this build has a binding of the driver.</param>
public sealed record CudaDiagnosis(CudaProbe Probe, IReadOnlyList<CudaLibrary> Libraries, bool HasProvider, bool HasDriver)
{
    /// <summary>Name of the provider.</summary>
    public const string Provider = "CUDAExecutionProvider";

    /// <summary>Looks at this machine.</summary>
    /// <param name="providers">What ONNX Runtime offers.</param>
    public static CudaDiagnosis Of(IEnumerable<string> providers) =>
        new(CudaProbe.Look(), CudaLibrary.Look(), providers.Contains(Provider, StringComparer.Ordinal), CudaDrivers.Available);

    /// <summary>Whether nothing is missing.</summary>
    public bool Ready => Advice.Count == 0;

    /// <summary>One sentence for each thing that is missing, the first things first.</summary>
    public IReadOnlyList<string> Advice
    {
        get
        {
            var advice = new List<string>();
            if (Probe.Fault is { } fault)
                advice.Add(fault);
            else if (Probe.DriverVersion < CudaLibrary.ProviderCuda)
                advice.Add($"The NVIDIA driver knows CUDA up to {CudaFaults.Version(Probe.DriverVersion)}; "
                    + $"ONNX Runtime's provider is built with {CudaFaults.Version(CudaLibrary.ProviderCuda)}. "
                    + $"Install {CudaLibrary.Driver}, or build with -p:OrtCudaPackage and -p:OrtCudaVersion naming a package for an older "
                    + "CUDA.");
            if (!HasProvider || !HasDriver)
                advice.Add("This build works on the CPU alone. Build with -p:Flavor=cuda (README, GPU).");
            foreach (var missing in Libraries.Where(l => !l.Found).GroupBy(l => l.From))
                advice.Add($"{string.Join(", ", missing.Select(l => l.Name))} cannot be "
                    + $"loaded{(missing.All(l => !l.Linked) ? ", which graphs may need" : "")}. Install {missing.Key}, and put its folder "
                    + $"on {(OperatingSystem.IsWindows() ? "PATH" : "LD_LIBRARY_PATH, or into the loader's cache with ldconfig")}.");
            return advice;
        }
    }

    /// <summary>What <c>execution.devices</c> would do with the GPUs of this machine; null where there are not several.</summary>
    public string? Several
    {
        get
        {
            if (Probe.Devices.Count < 2)
                return null;
            var alike = Probe.Devices.Select(d => (d.Name, d.Bytes)).Distinct().Count() == 1;
            return $"execution.devices={Devices} draws and scores on all of them, each with the weights and a cache of its own, groups "
                + $"dealt out by their numbers; {Probe.Devices[0].Device} updates, and sends the weights to the others through the host, "
                + "once an update. Nothing is copied from device to device."
                + (alike ? "" : " They are not alike: the slowest is waited for.");
        }
    }

    private string Devices => $"[{string.Join(", ", Probe.Devices.Select(d => d.Device))}]";

    /// <summary>A device as people read it.</summary>
    public static string Describe(CudaDevice device) =>
        string.Create(CultureInfo.InvariantCulture, $"{device.Device} {device.Name}, compute capability "
            + $"{device.Major}.{device.Minor}, {device.Bytes / (double)(1L << 30):0.0} GiB");

    /// <summary>For programs.</summary>
    public JsonObject ToJson() => new()
    {
        ["ready"] = Ready,
        ["driver_cuda"] = Probe.DriverVersion == 0 ? null : CudaFaults.Version(Probe.DriverVersion),
        ["devices"] = new JsonArray([.. Probe.Devices.Select(d => new JsonObject
        {
            ["device"] = d.Device,
            ["name"] = d.Name,
            ["compute_capability"] = $"{d.Major}.{d.Minor}",
            ["memory_mib"] = d.Bytes >> 20,
        })]),
        ["execution_devices"] = Several is null ? null : new JsonObject
        {
            ["setting"] = Devices,
            ["updates"] = Probe.Devices[0].Device,
            ["peer_copies"] = false,
        },
        ["provider"] = HasProvider,
        ["binding"] = HasDriver,
        ["libraries"] =
            new JsonArray([.. Libraries.Select(l => new JsonObject { ["name"] = l.Name, ["found"] = l.Found, ["linked"] = l.Linked })]),
        ["advice"] = new JsonArray([.. Advice.Select(a => (JsonNode)a)]),
    };

    /// <summary>For people: label and text.</summary>
    public IEnumerable<(string Label, string Text)> Lines()
    {
        yield return ("cuda_driver", Probe.DriverVersion == 0 ? "none" : $"CUDA {CudaFaults.Version(Probe.DriverVersion)}");
        foreach (var device in Probe.Devices)
            yield return ("cuda_device", Describe(device));
        if (Several is { } several)
            yield return ("cuda_several", several);
        yield return ("cuda_build", $"{(HasProvider ? "with" : "without")} ONNX Runtime's CUDA provider, "
            + $"{(HasDriver ? "with" : "without")} a binding of the driver");
        yield return ("cuda_libraries", Listed(found: true));
        yield return ("cuda_missing", Listed(found: false));
        foreach (var sentence in Advice)
            yield return ("cuda_advice", sentence);
    }

    private string Listed(bool found) =>
        Libraries.Any(l => l.Found == found) ? string.Join(", ", Libraries.Where(l => l.Found == found).Select(l => l.Name)) : "none";
}
