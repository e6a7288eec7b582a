using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Operators;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Cuda.Tests.Kernels;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>Attention as a node of a graph that is differentiated and narrowed, by the device's kernels and by the host's.</summary>
[TestClass]
public sealed class DeviceAttentionTests
{
    private const int Rows = 2, Tokens = 37, Heads = 4, KeyHeads = 2, Width = 16;

    [TestMethod]
    [DataRow(0)]
    [DataRow(9)]
    public void Graph_WithAttention_EqualsTheHostsOperator(int window)
    {
        var graph = Attention(window);
        float[] Numbers(int heads, int seed) =>
            Elements.As("bf16", Elements.Normal(Rows * Tokens * heads * Width, seed, 1)).Values;
        var (q, k, v, pull) = (Numbers(Heads, 1), Numbers(KeyHeads, 2), Numbers(KeyHeads, 3), Numbers(Heads, 4));
        var mask = Enumerable.Range(0, Rows * Tokens).Select(i => i is >= 30 and < Tokens ? 0L : 1L).ToArray();
        float[][] Run(OrtSession session)
        {
            using var binding = session.Bind();
            binding.Input("q", q, Rows, Tokens, Heads, Width);
            binding.Input("k", k, Rows, Tokens, KeyHeads, Width);
            binding.Input("v", v, Rows, Tokens, KeyHeads, Width);
            binding.Input("pull", pull, Rows, Tokens, Heads, Width);
            binding.Input("mask", mask, Rows, Tokens);
            float[][] results = [new float[pull.Length], new float[q.Length], new float[k.Length], new float[v.Length]];
            binding.Output("mixed", results[0], Rows * Tokens, Heads * Width);
            binding.Output("dq", results[1], Rows, Tokens, Heads, Width);
            binding.Output("dk", results[2], Rows, Tokens, KeyHeads, Width);
            binding.Output("dv", results[3], Rows, Tokens, KeyHeads, Width);
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
        foreach (var kernel in new[] { "forward_64", "delta", "keys_64", "queries_64" })
            Assert.AreEqual(1, driver.Launches.GetValueOrDefault("attention_" + kernel), kernel);
    }

    // What nobody could compute is told as an error of the node, not as numbers.
    [TestMethod]
    public void Graph_RunOutsideOfADevice_SaysSo()
    {
        var narrow = MixedPrecision.Lower(Attention(0), ElementType.BFloat16, new HashSet<string>());
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

    private static Graph Attention(int window)
    {
        var graph = new Graph("attention", CudaOperators.Opset);
        var op = new OpBuilder(graph);
        var q = graph.Input("q", ElementType.Float32, "B", "T", Heads, Width);
        var k = graph.Input("k", ElementType.Float32, "B", "T", KeyHeads, Width);
        var v = graph.Input("v", ElementType.Float32, "B", "T", KeyHeads, Width);
        var pull = graph.Input("pull", ElementType.Float32, "B", "T", Heads, Width);
        var mask = graph.Input("mask", ElementType.Int64, "B", "T");
        var mixed = op.CausalAttention(q, k, v, mask, 0.25, window, softcap: null);
        graph.Output(op.Named("mixed", mixed));
        var gradients = Differentiator.Backward(op, mixed, op.Reshape(pull, -1, Heads * Width), [q, k, v]);
        graph.Output(op.Named("dq", gradients[q]));
        graph.Output(op.Named("dk", gradients[k]));
        graph.Output(op.Named("dv", gradients[v]));
        return graph;
    }
}
