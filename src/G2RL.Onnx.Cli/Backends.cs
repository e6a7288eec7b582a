using System.Globalization;
using G2RL.Onnx.Cluster.Trainers;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda;
using G2RL.Onnx.Cuda.Several;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cli;

/// <summary>Opens what <c>execution.device</c> names.</summary>
internal static class Backends
{
    private const string Cuda = "cuda:";

    /// <summary>Who computes; null for the host alone, which needs no opening.</summary>
    /// <param name="config">The configuration; checked here.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <param name="cancel">Gives up joining a cluster.</param>
    /// <exception cref="InputException">A fault in the configuration, a build that cannot drive a GPU, no driver, no such device, or a
    /// cluster that cannot be joined.</exception>
    public static IBackend? Open(RunConfig config, Action<string>? warn = null, CancellationToken cancel = default)
    {
        if (RunConfigRules.Faults(config) is { Count: > 0 } faults)
            throw InputException.Of([.. faults]);
        var device = Device(config, warn);
        return config.Distribution.Membership.Length == 0
            ? device
            : ClusterBackend.Open(config, device ?? Host(config), warn, cancel: cancel);
    }

    /// <summary>The host's own backend.</summary>
    public static IBackend Host(RunConfig config) => CpuBackend.Of(config);

    /// <summary>The device or devices of this machine; null for the host.</summary>
    public static IBackend? Device(RunConfig config, Action<string>? warn = null)
    {
        var execution = config.Execution;
        if (execution.Lead == ExecutionConfig.Cpu)
            return null;
        if (execution.Devices.Count < 2)
            return Open(execution.Lead, config, updates: true, warn);
        var opened = new List<CudaBackend>();
        try
        {
            foreach (var device in execution.Devices)
                opened.Add(Open(device, config, updates: opened.Count == 0, warn is null ? null : w => warn($"{device}: {w}")));
            return new SeveralDevices(opened);
        }
        catch
        {
            foreach (var device in opened)
                device.Dispose();
            throw;
        }
    }

    private static CudaBackend Open(string device, RunConfig config, bool updates, Action<string>? warn)
    {
        var execution = config.Execution;
        try
        {
            return new CudaBackend(
                CudaDrivers.Open(int.Parse(device.AsSpan(Cuda.Length), NumberStyles.None, CultureInfo.InvariantCulture)),
                new()
                {
                    Warning = warn,
                    Precision = Enum.Parse<ElementType>(execution.Precision, ignoreCase: true),
                    Captures = execution.CudaGraphs,
                    Kernels = execution.Kernels,
                    Packing = config.Training.Packing,
                    ArenaLimit = (long)execution.ArenaLimitMiB << 20,
                    Updates = updates,
                });
        }
        catch (CudaException e) when (e is not CudaMemoryException)
        {
            throw new InputException(e.Message, e);
        }
    }
}
