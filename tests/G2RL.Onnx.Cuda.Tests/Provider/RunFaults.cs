using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Graphs;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Tests.Provider;

/// <summary>
/// What must not happen in a session on the device, each asked of the real provider while it runs; null where all is well. That a fault is
/// seen, too, is tested (<see cref="RunFaultTests"/>): silence would mean nothing otherwise.
/// </summary>
internal static class RunFaults
{
    /// <summary>Work outside of the driver's stream: nobody waits for it, and it waits for nobody.</summary>
    public static string? OutsideOfTheStream(ICudaDriver driver, Action run)
    {
        var (ours, all) = (ProviderStubs.Work(driver.Stream), ProviderStubs.AllWork);
        run();
        (ours, all) = (ProviderStubs.Work(driver.Stream) - ours, ProviderStubs.AllWork - all);
        return all == 0 ? "nothing was run" : ours == all ? null : $"{all - ours} of {all} launches, products and copies on another stream";
    }

    /// <summary>Nodes that run on the host and are no arithmetic on shapes.</summary>
    public static string? OnTheHost(Graph graph, DeviceSession session) =>
        HostNodes.Beyond(graph, session.Placement) is { Length: > 0 } host ? HostNodes.Describe(graph, host) : null;

    /// <summary>An arena that keeps more than a share of what it once had in use.</summary>
    public static string? LeftToGrow(DeviceSession session) => session.Arena is var arena && arena.Held > arena.MostInUse / 2
        ? $"the arena holds {arena.Held} bytes between runs, with {arena.MostInUse} in use at most"
        : null;

    /// <summary>A run of a map over a vector of a length.</summary>
    public static void Map(DeviceMemory memory, DeviceSession session, int length)
    {
        using var x = memory.Allocate(Purpose.Small, length * sizeof(float));
        using var y = memory.Allocate(Purpose.Small, length * sizeof(float));
        using var binding = session.Bind();
        binding.Input("x", x, TensorElementType.Float, 0, length);
        binding.Output("y", y, TensorElementType.Float, 0, length);
        binding.Run();
    }

    /// <summary>y = exp(x) x / sum x: values that an arena has to hold.</summary>
    public static Graph Mapping()
    {
        var graph = new Graph("map", CudaOperators.Opset);
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, "N");
        graph.Output(op.Named("y", op.Div(op.Mul(op.Exp(x), x), op.ReduceSum(x, keepDims: true, 0))));
        return graph;
    }
}
