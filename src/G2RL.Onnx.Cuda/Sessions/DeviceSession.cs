using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Operators;
using G2RL.Onnx.Execution.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>A session on the device. Runs are enqueued on the stream that copies and kernels share.</summary>
internal sealed class DeviceSession : IDisposable
{
    // ONNX Runtime's words about an arena that may not grow further.
    private const string AtLimit = "is smaller than requested bytes";

    private readonly OrtSession session;
    private readonly DeviceMemory memory;
    private readonly HeldArena? arena;
    private readonly DeviceOperators? operators;

    /// <param name="session">The session; taken over.</param>
    /// <param name="memory">For the message of a full device.</param>
    /// <param name="hasArena">Whether ONNX Runtime takes device memory of its own for the session.</param>
    /// <param name="captures">Whether runs may be captured as CUDA graphs.</param>
    /// <param name="operators">Whose kernels operators of ours launch; null where the graph has none.</param>
    public DeviceSession(
        OrtSession session,
        DeviceMemory memory,
        bool hasArena,
        bool captures = false,
        DeviceOperators? operators = null)
    {
        (this.session, this.memory, Captures, this.operators) = (session, memory, captures, operators);
        if (hasArena)
            memory.Add(arena = new(session.Name, () => Arena.Held));
    }

    /// <summary>What has to be bound.</summary>
    public IReadOnlySet<string> InputNames => session.InputNames;

    /// <summary>Whether runs may be captured as CUDA graphs.</summary>
    public bool Captures { get; }

    /// <summary>Where each node runs.</summary>
    internal IReadOnlyList<NodePlacement> Placement => session.Placement;

    /// <summary>What ONNX Runtime holds for intermediate results.</summary>
    internal ArenaUse Arena => session.Arena(memory.Driver.Memory.Name, memory.Driver.Device.Ordinal);

    /// <summary>Options of a run on the device.</summary>
    internal static RunOptions RunOptions() => DeviceSessions.Unwaited(new RunOptions());

    /// <summary>Inputs and outputs over device memory.</summary>
    /// <param name="staging">Where arrays of the host are copied to; null where none are bound.</param>
    public DeviceBinding Bind(StagingArea? staging = null) => new(this, session.Bind(), staging);

    public void Dispose()
    {
        if (arena is not null)
            memory.Remove(arena);
        session.Dispose();
    }

    /// <summary>Runs and makes the driver's context current again.</summary>
    /// <exception cref="CudaMemoryException">No room for intermediate results.</exception>
    /// <param name="binding">Inputs and outputs.</param>
    /// <param name="options">Options of the run; null for the session's.</param>
    internal void Run(SessionBinding binding, RunOptions? options = null)
    {
        try
        {
            using var within = operators?.Enter();
            binding.RunWith(options);
        }
        catch (OnnxRuntimeException e) when (IsOutOfMemory(e.Message))
        {
            throw memory.Full($"intermediate results of the graph '{session.Name}'{Limited(e.Message)}", purpose: null, e);
        }
        finally
        {
            memory.Driver.MakeCurrent();
        }
    }

    private string Limited(string message) => arena is not null && message.Contains(AtLimit, StringComparison.Ordinal)
        ? $" within the {Arena.Limit >> 20} MiB that its arena may hold (execution.arenaLimitMiB)"
        : "";

    /// <summary>Whether ONNX Runtime's words mean a full device, or an arena at its limit.</summary>
    internal static bool IsOutOfMemory(string message) =>
        message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
            || message.Contains(AtLimit, StringComparison.Ordinal)
            || message.Contains("Failed to allocate memory", StringComparison.OrdinalIgnoreCase);
}
