using System.Globalization;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Operators;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>
/// Opens sessions on the device: ONNX Runtime's CUDA provider on the driver's own stream, or, where the driver's memory is the host's, the
/// CPU provider over the same pointers.
/// </summary>
/// <param name="memory">The device's memory.</param>
/// <param name="warn">Told when part of a graph runs on the host.</param>
/// <param name="arenaLimit">The most bytes of one session's intermediate results; 0 is what this run does not hold when it opens.</param>
/// <param name="operators">Ours; null where no graph has any.</param>
internal sealed class DeviceSessions(
    DeviceMemory memory,
    Action<string>? warn,
    long arenaLimit = 0,
    DeviceOperators? operators = null)
{
    /// <summary>Whether sessions run on the device; else on the CPU provider.</summary>
    internal bool IsCuda => memory.Driver.Memory.Name != OrtMemoryInfo.DefaultInstance.Name;

    /// <summary>Opens a session.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="shapesVary">
    /// Whether runs differ in shape, as batches of texts do. ONNX Runtime's arena then gives back after each run what it took: one a
    /// session, all held, each as large as its largest run would otherwise fill the device.
    /// </param>
    /// <param name="captures">Whether runs may be captured as CUDA graphs; every node has to run on the device then.</param>
    /// <exception cref="CudaException">ONNX Runtime cannot run the graph on the device.</exception>
    public DeviceSession Open(Graph graph, bool shapesVary = true, bool captures = false)
    {
        if (!IsCuda)
            return new DeviceSession(new OrtSession(graph, threads: 1), memory, hasArena: false);
        var driver = memory.Driver;
        try
        {
            var limit = arenaLimit > 0 ? arenaLimit : Math.Max(1, driver.MemoryInfo().Total - memory.Bytes);
            using var options = Provider(driver.Device.Ordinal, driver.Stream, limit, captures);
            var session = new OrtSession(
                graph,
                threads: 1,
                (session, run) => Configure(graph, session, run, options, driver.Device.Ordinal, shapesVary));
            if (HostNodes.Beyond(graph, session.Placement) is { Length: > 0 } host)
                warn?.Invoke(HostNodes.Describe(graph, host));
            return new DeviceSession(session, memory, hasArena: true, captures, operators);
        }
        finally
        {
            driver.MakeCurrent();
        }
    }

    /// <summary>
    /// Opens a decode graph whose steps are captured as CUDA graphs if that is wanted and ONNX Runtime does it; else it says why not, and
    /// the steps are launched node by node.
    /// </summary>
    public DeviceSession OpenDecode(Graph graph, bool captures)
    {
        if (captures && IsCuda)
            try
            {
                return Open(graph, shapesVary: false, captures: true);
            }
            catch (OnnxRuntimeException e)
            {
                warn?.Invoke($"The graph '{graph.Name}' is not captured as a CUDA graph, and its steps are launched node by node: "
                    + $"{e.Message} execution.cudaGraphs=false says nothing and does the same.");
            }
        return Open(graph, shapesVary: false);
    }

    /// <summary>ONNX Runtime's CUDA provider on a device and stream.</summary>
    internal static OrtCUDAProviderOptions Provider(
        int device, nint stream, long arenaLimit = long.MaxValue, bool captures = false)
    {
        // The options log, which needs the environment that otherwise the first session would make.
        _ = OrtEnv.Instance();
        var options = new OrtCUDAProviderOptions();
        options.UpdateOptions(ProviderOptions(device, stream, arenaLimit, captures));
        return options;
    }

    /// <summary>What every session on the device is made and run with.</summary>
    internal static void Configure(
        Graph graph, SessionOptions session, RunOptions run, OrtCUDAProviderOptions options, int device = 0, bool shapesVary = true)
    {
        if (shapesVary)
        {
            // A pattern is one block for each set of shapes seen, and none of them fits the next batch.
            session.EnableMemoryPattern = false;
            run.AddRunConfigEntry("memory.enable_memory_arena_shrinkage", string.Create(CultureInfo.InvariantCulture, $"gpu:{device}"));
        }
        if (graph.Nodes.Any(n => n.Domain == FusedOperators.Domain))
            DeviceOperators.AddTo(session);
        session.AppendExecutionProvider_CUDA(options);
        session.AddSessionConfigEntry(NodePlacement.SessionOption, "1");
        if (SquaresWhatWasBFloat16(graph))
            session.AddSessionConfigEntry("optimization.disable_specified_optimizers", "SimplifiedLayerNormFusion");
        Unwaited(run);
    }

    /// <summary>A run after which nobody waits: the stream keeps the order, and waiting is up to whoever reads on the host.</summary>
    internal static RunOptions Unwaited(RunOptions run)
    {
        run.AddRunConfigEntry("disable_synchronize_execution_providers", "1");
        return run;
    }

    /// <summary>The options of the CUDA provider, set in one update: an update sets what it does not name back to its default.</summary>
    internal static Dictionary<string, string> ProviderOptions(
        int device, nint stream, long arenaLimit = long.MaxValue, bool captures = false) => new(StringComparer.Ordinal)
        {
            ["device_id"] = device.ToString(CultureInfo.InvariantCulture),
            // Without this key ONNX Runtime drops the stream's address and works on the legacy default stream, which ours does not wait
            // for.
            ["has_user_compute_stream"] = "1",
            ["user_compute_stream"] = ((ulong)stream).ToString(CultureInfo.InvariantCulture),
            ["do_copy_in_default_stream"] = "1",
            ["arena_extend_strategy"] = "kSameAsRequested",
            ["gpu_mem_limit"] = arenaLimit.ToString(CultureInfo.InvariantCulture),
            // Products of float32 in float32: TF32 has ten bits, and sampler and trainer would not agree.
            ["use_tf32"] = "0",
            ["enable_cuda_graph"] = captures ? "1" : "0",
        };

    // ONNX Runtime 1.31 draws the cast before a norm (Gemma 3 and OLMo 2 norm what a product gives) into its fused one, for which the
    // provider has no kernel with bfloat16 inside and float32 scale; the session would not open.
    private static bool SquaresWhatWasBFloat16(Graph graph) => graph.Nodes.Any(n =>
        n.Op == "Pow" && n.Inputs[0]!.Producer is { Op: "Cast" } cast && cast.Inputs[0]!.Type == ElementType.BFloat16);
}
