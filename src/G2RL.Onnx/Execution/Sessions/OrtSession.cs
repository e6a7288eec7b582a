using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Execution.Sessions;

/// <summary>
/// An ONNX Runtime session over one of our graphs. Weights are inputs, so the session holds none and every policy may use it.
/// </summary>
internal sealed class OrtSession : IDisposable
{
    private readonly InferenceSession session;
    private readonly RunOptions runOptions = new();

    /// <summary>Builds the session.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="threads">Threads inside one operator, >= 1.</param>
    /// <param name="provider">Adds an execution provider; null leaves the CPU's.</param>
    /// <param name="spins">Whether threads wait awake for the next operator of a run, for graphs of many short ones.</param>
    public OrtSession(Graph graph, int threads, Action<SessionOptions, RunOptions>? provider = null, bool spins = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Name = graph.Name;
        InputNames = graph.Inputs.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        using var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        // Sessions take turns (decode, score, train): threads of one that spin on after its run would slow the next about twofold.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", spins ? "1" : "0");
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        // A pattern is one block for all activations at once, without reuse in between: twice the memory for nothing, and a slow second
        // call.
        options.EnableMemoryPattern = false;
        if (provider is null && TensorMemory.IsUsed)
            options.AddSessionConfigEntry(TensorMemory.SessionOption, "1");
        if (provider is null && graph.Nodes.Any(n => n.Domain == FusedOperators.Domain))
            KernelTable.AddTo(options);
        provider?.Invoke(options, runOptions);
        session = new InferenceSession(OnnxFile.ToBytes(graph), options);
    }

    /// <summary>The graph's name, for messages.</summary>
    public string Name { get; }

    /// <summary>What has to be bound.</summary>
    public IReadOnlySet<string> InputNames { get; }

    /// <summary>Where each node runs; needs <see cref="NodePlacement.SessionOption"/>.</summary>
    internal NodePlacement[] Placement => NodePlacement.Of(session);

    /// <summary>What ONNX Runtime holds on a device for this session's intermediate results.</summary>
    /// <param name="memory">The device memory's name, as <see cref="OrtMemoryInfo"/> has it.</param>
    /// <param name="device">The device's index.</param>
    internal ArenaUse Arena(string memory, int device) => ArenaUse.Of(session, memory, device);

    /// <summary>A set of bound inputs and outputs, to be run any number of times.</summary>
    public SessionBinding Bind() => new(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        session.Dispose();
        runOptions.Dispose();
    }

    internal OrtIoBinding NewBinding() => session.CreateIoBinding();

    internal void Run(OrtIoBinding binding, RunOptions? options = null) => session.RunWithBinding(options ?? runOptions, binding);
}
