using System.Globalization;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>
/// Opens sessions on the device: ONNX Runtime's CUDA provider on the driver's own stream, or, where the driver's memory is the host's, the CPU provider over
/// the same pointers.
/// </summary>
/// <param name="memory">The device's memory.</param>
/// <param name="warn">Told when part of a graph runs on the host.</param>
internal sealed class DeviceSessions(DeviceMemory memory, Action<string>? warn)
{
    private const string NoFallback = "session.disable_cpu_ep_fallback";

    private bool IsCuda => memory.Driver.Memory.Name != OrtMemoryInfo.DefaultInstance.Name;

    /// <summary>Opens a session.</summary>
    /// <exception cref="CudaException">ONNX Runtime cannot run the graph on the device.</exception>
    public DeviceSession Open(Graph graph)
    {
        if (!IsCuda)
            return new DeviceSession(new OrtSession(graph, threads: 1), memory);
        try
        {
            return OpenOnCuda(graph, "1");
        }
        catch (OnnxRuntimeException e) when (e.Message.Contains("explicitly disabled", StringComparison.Ordinal))
        {
            // ONNX Runtime keeps arithmetic on shapes with the host even where a kernel exists, and the switch knows no difference.
            warn?.Invoke($"ONNX Runtime puts some nodes of the graph '{graph.Name}' on the CPU. Arithmetic on shapes belongs there; if the run is slow, look for others with a profile of the session.");
            return OpenOnCuda(graph, "0");
        }
    }

    /// <summary>The options of the CUDA provider, set in one update: an update sets what it does not name back to its default.</summary>
    internal static Dictionary<string, string> ProviderOptions(int device, nint stream) => new(StringComparer.Ordinal)
    {
        ["device_id"] = device.ToString(CultureInfo.InvariantCulture),
        // Without this key ONNX Runtime drops the stream's address and works on the legacy default stream, which ours does not wait for.
        ["has_user_compute_stream"] = "1",
        ["user_compute_stream"] = ((ulong)stream).ToString(CultureInfo.InvariantCulture),
        ["do_copy_in_default_stream"] = "1",
        ["arena_extend_strategy"] = "kSameAsRequested",
        // Products of float32 in float32: TF32 has ten bits, and sampler and trainer would not agree.
        ["use_tf32"] = "0",
    };

    private DeviceSession OpenOnCuda(Graph graph, string refuseFallback)
    {
        var driver = memory.Driver;
        // The options log, which needs the environment that only a session would make.
        _ = OrtEnv.Instance();
        using var options = new OrtCUDAProviderOptions();
        options.UpdateOptions(ProviderOptions(driver.Device.Ordinal, driver.Stream));
        try
        {
            return new DeviceSession(
                new OrtSession(graph, threads: 1, (session, run) =>
                {
                    session.AppendExecutionProvider_CUDA(options);
                    session.AddSessionConfigEntry(NoFallback, refuseFallback);
                    // The stream keeps the order; waiting for it is up to whoever reads on the host.
                    run.AddRunConfigEntry("disable_synchronize_execution_providers", "1");
                }),
                memory);
        }
        finally
        {
            driver.MakeCurrent();
        }
    }
}
