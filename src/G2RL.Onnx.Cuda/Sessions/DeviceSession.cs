using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>A session on the device. Runs are enqueued on the stream that copies and kernels share.</summary>
/// <param name="session">The session; taken over.</param>
/// <param name="memory">For the message of a full device.</param>
internal sealed class DeviceSession(OrtSession session, DeviceMemory memory) : IDisposable
{
    /// <summary>What has to be bound.</summary>
    public IReadOnlySet<string> InputNames => session.InputNames;

    /// <summary>Where each node runs.</summary>
    internal IReadOnlyList<NodePlacement> Placement => session.Placement;

    /// <summary>Inputs and outputs over device memory.</summary>
    /// <param name="staging">Where arrays of the host are copied to; null where none are bound.</param>
    public DeviceBinding Bind(StagingArea? staging = null) => new(this, session.Bind(), staging);

    public void Dispose() => session.Dispose();

    /// <summary>Runs and makes the driver's context current again.</summary>
    /// <exception cref="CudaMemoryException">No room for intermediate results.</exception>
    internal void Run(SessionBinding binding)
    {
        try
        {
            binding.Run();
        }
        catch (OnnxRuntimeException e) when (IsOutOfMemory(e.Message))
        {
            throw memory.Full($"intermediate results of the graph '{session.Name}'", purpose: null, e);
        }
        finally
        {
            memory.Driver.MakeCurrent();
        }
    }

    /// <summary>Whether ONNX Runtime's words mean a full device.</summary>
    internal static bool IsOutOfMemory(string message) =>
        message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
            || message.Contains("Failed to allocate memory", StringComparison.OrdinalIgnoreCase);
}
