using System.Globalization;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cli;

/// <summary>Opens what <c>execution.device</c> names.</summary>
internal static class Backends
{
    private const string Cuda = "cuda:";

    /// <summary>The device; null for the host, which needs no opening.</summary>
    /// <param name="config">The configuration; checked here.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <exception cref="InputException">A fault in the configuration, a build that cannot drive a GPU, no driver, or no such
    /// device.</exception>
    public static IBackend? Open(RunConfig config, Action<string>? warn = null)
    {
        if (RunConfigRules.Faults(config) is { Count: > 0 } faults)
            throw InputException.Of([.. faults]);
        var device = config.Execution.Device;
        if (device == ExecutionConfig.Cpu)
            return null;
        try
        {
            return new CudaBackend(
                CudaDrivers.Open(int.Parse(device.AsSpan(Cuda.Length), NumberStyles.None, CultureInfo.InvariantCulture)),
                new()
                {
                    Warning = warn,
                    Precision = Enum.Parse<ElementType>(config.Execution.Precision, ignoreCase: true),
                    ArenaLimit = (long)config.Execution.ArenaLimitMiB << 20,
                });
        }
        catch (CudaException e) when (e is not CudaMemoryException)
        {
            throw new InputException(e.Message, e);
        }
    }
}
