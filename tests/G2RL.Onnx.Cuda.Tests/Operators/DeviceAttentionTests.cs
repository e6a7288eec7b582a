using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Operators;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Cuda.Tests.Kernels;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using G2RL.Onnx.Models;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>Attention as a node of a graph that is differentiated and narrowed, by the device's kernels and by the host's.</summary>
[TestClass]
public sealed class DeviceAttentionTests
{
    private const int Rows = 2, Tokens = 37, Heads = 4, KeyHeads = 2, Width = 16;

    [TestMethod]
    [DataRow(0, null)]
    [DataRow(9, null)]
    [DataRow(0, "20 0 15 1 12 1 17 0 10 1")]
    [DataRow(9, "20 0 15 1 12 1 17 0 10 1")]
    public void Graph_WithAttention_EqualsTheHostsOperator(int window, string? packed)
    {
        var graph = Attention(window, packed is not null);
        long[]? segments = packed?.Split(' ').Select(long.Parse).ToArray();
        var (rows, tokens) = packed is null ? (Rows, Tokens) : (1, Rows * Tokens);
        float[] Numbers(int heads, int seed) =>
            Elements.As("bf16", Elements.Normal(Rows * Tokens * heads * Width, seed, 1)).Values;
        var (q, k, v, pull) = (Numbers(Heads, 1), Numbers(KeyHeads, 2), Numbers(KeyHeads, 3), Numbers(Heads, 4));
        var mask = Enumerable.Range(0, Rows * Tokens).Select(i => packed is null && i is >= 30 and < Tokens ? 0L : 1L).ToArray();
        float[][] Run(OrtSession session)
        {
            using var binding = session.Bind();
            binding.Input("q", q, rows, tokens, Heads, Width);
            binding.Input("k", k, rows, tokens, KeyHeads, Width);
            binding.Input("v", v, rows, tokens, KeyHeads, Width);
            binding.Input("pull", pull, rows, tokens, Heads, Width);
            binding.Input("mask", mask, rows, tokens);
            if (segments is not null)
                binding.Input(DecoderGraph.Segments, segments, segments.Length / 2, 2);
            float[][] results = [new float[pull.Length], new float[q.Length], new float[k.Length], new float[v.Length]];
            binding.Output("mixed", results[0], Rows * Tokens, Heads * Width);
            binding.Output("dq", results[1], rows, tokens, Heads, Width);
            binding.Output("dk", results[2], rows, tokens, KeyHeads, Width);
            binding.Output("dv", results[3], rows, tokens, KeyHeads, Width);
            binding.Run();
            return results;
        }

        float[][] host, device;
        using (var session = new OrtSession(graph, threads: 1))
            host = Run(session);
        using var driver = new HostCompiledDriver(ThreadOrder.Forward);
        using var operators = new DeviceOperators(new KernelCache(driver), new DeviceMemory(driver));
        var narrow = MixedPrecision.Lower(graph, ElementType.BFloat16, new HashSet<string>());
        using (var session = new OrtSession(narrow, threads: 1, (options, _) => DeviceOperators.AddTo(options, isCuda: false)))
        using (operators.Enter())
            device = Run(session);
        for (var i = 0; i < host.Length; i++)
        {
            var (largest, difference) = (host[i].Max(Math.Abs), host[i].Zip(device[i], (a, b) => Math.Abs(a - b)).Max());
            Console.WriteLine($"output {i}: {difference:0.0000} of {largest:0.00}");
            // Shares and results are rounded to eight bits.
            Assert.IsLessThanOrEqualTo(Backend.Tolerances.NarrowAttention * largest, difference, $"output {i}");
        }
        Assert.AreEqual(packed is null ? 0 : 1, driver.Launches.GetValueOrDefault("attention_places"));
        foreach (var kernel in new[] { "forward_64", "delta", "keys_64", "queries_64" })
            Assert.AreEqual(1, driver.Launches.GetValueOrDefault("attention_" + kernel), kernel);
    }

    // Before weights are read or a device is asked: of a device there is no need at all.
    [TestMethod]
    public void Run_OfHeadsThatTheKernelsDoNotTake_IsRefusedByName()
    {
        using var model = new TinyModel(headDimension: 12);
        var config = model.Config with { Execution = new() { Device = "cuda:0", Precision = "bfloat16", Kernels = KernelChoice.Fused } };
        foreach (var open in new Action[] { () => RunCheck.Inputs(config, _ => { }), () => new RunModel(config).Dispose() })
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(open).Message,
                "execution.kernels is fused, and our kernels do not compute this on cuda:0: a head is 12 wide; they take multiples of 8");
    }

    // What nobody could compute is told as an error of the node, not as numbers.
    [TestMethod]
    public void Graph_RunOutsideOfADevice_SaysSo()
    {
        var narrow = MixedPrecision.Lower(Attention(0, packed: false), ElementType.BFloat16, new HashSet<string>());
        using var session = new OrtSession(narrow, threads: 1, (options, _) => DeviceOperators.AddTo(options, isCuda: false));
        using var binding = session.Bind();
        foreach (var (name, heads) in new[] { ("q", Heads), ("k", KeyHeads), ("v", KeyHeads) })
            binding.Input(name, new float[heads * Width], 1, 1, heads, Width);
        binding.Input("pull", new float[Heads * Width], 1, 1, Heads, Width);
        binding.Input("mask", new long[1], 1, 1);
        foreach (var (name, heads) in new[] { ("dq", Heads), ("dk", KeyHeads), ("dv", KeyHeads) })
            binding.Output(name, new float[heads * Width], 1, 1, heads, Width);
        binding.Output("mixed", new float[Heads * Width], 1, Heads * Width);
        var fault = Assert.ThrowsExactly<Microsoft.ML.OnnxRuntime.OnnxRuntimeException>(binding.Run);
        StringAssert.Contains(fault.Message, "No device runs a session on this thread");
    }

    private static Graph Attention(int window, bool packed)
    {
        var graph = new Graph("attention", CudaOperators.Opset);
        var op = new OpBuilder(graph);
        var q = graph.Input("q", ElementType.Float32, "B", "T", Heads, Width);
        var k = graph.Input("k", ElementType.Float32, "B", "T", KeyHeads, Width);
        var v = graph.Input("v", ElementType.Float32, "B", "T", KeyHeads, Width);
        var pull = graph.Input("pull", ElementType.Float32, "B", "T", Heads, Width);
        var mask = graph.Input("mask", ElementType.Int64, "B", "T");
        var segments = packed ? graph.Input(DecoderGraph.Segments, ElementType.Int64, "S", 2) : null;
        var mixed = op.CausalAttention(q, k, v, mask, 0.25, window, softcap: null, segments);
        graph.Output(op.Named("mixed", mixed));
        var gradients = Differentiator.Backward(op, mixed, op.Reshape(pull, -1, Heads * Width), [q, k, v]);
        graph.Output(op.Named("dq", gradients[q]));
        graph.Output(op.Named("dk", gradients[k]));
        graph.Output(op.Named("dv", gradients[v]));
        return graph;
    }
}
