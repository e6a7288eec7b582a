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

/// <summary>A layer without its products, differentiated and narrowed, by the device's kernels and by the host's operators.</summary>
[TestClass]
public sealed class DeviceLayersTests
{
    private const int Rows = 2, Tokens = 21, Heads = 4, Width = 16, All = Rows * Tokens, D = Heads * Width;

    [TestMethod]
    [DataRow(false, false)]
    [DataRow(true, true)]
    public void Graph_OfMaps_EqualsTheHostsOperators(bool isGelu, bool addsToTheWeight)
    {
        var graph = Layer(isGelu, addsToTheWeight);
        float[] Numbers(int count, int seed) => Elements.As("bf16", Elements.Normal(count, seed, 1)).Values;
        var inputs = new Dictionary<string, (float[] Values, long[] Shape)>
        {
            ["x"] = (Numbers(All * D, 1), [All, D]),
            ["weight"] = (Numbers(D, 2), [D]),
            ["up"] = (Numbers(All * D, 3), [Rows, Tokens, Heads, Width]),
            ["cos"] = ([.. Numbers(All * Width / 2, 4).Select(MathF.Cos)], [Rows, Tokens, 1, Width / 2]),
            ["sin"] = ([.. Numbers(All * Width / 2, 4).Select(MathF.Sin)], [Rows, Tokens, 1, Width / 2]),
            ["k"] = (Numbers(All * D, 6), [Rows, Tokens, Heads, Width]),
            ["v"] = (Numbers(All * D, 7), [Rows, Tokens, Heads, Width]),
            ["pull"] = (Numbers(All * D, 5), [All, D]),
        };
        string[] outputs = ["y", "dx", "dweight", "dup"];
        Dictionary<string, float[]> Run(OrtSession session)
        {
            using var binding = session.Bind();
            foreach (var (name, (values, shape)) in inputs)
                binding.Input(name, values, shape);
            binding.Input("mask", Enumerable.Repeat(1L, All).ToArray(), Rows, Tokens);
            var results = outputs.ToDictionary(o => o, o => new float[o == "dweight" ? D : All * D], StringComparer.Ordinal);
            binding.Output("y", results["y"], All, D);
            binding.Output("dx", results["dx"], All, D);
            binding.Output("dweight", results["dweight"], D);
            binding.Output("dup", results["dup"], Rows, Tokens, Heads, Width);
            binding.Run();
            return results;
        }

        Dictionary<string, float[]> host, device;
        using (var session = new OrtSession(graph, threads: 1))
            host = Run(session);
        using var driver = new HostCompiledDriver(ThreadOrder.Forward);
        using var operators = new DeviceOperators(new KernelCache(driver), new DeviceMemory(driver));
        var narrow = MixedPrecision.Lower(graph, ElementType.BFloat16, new HashSet<string>());
        // What is wide between them is what came so: casts at the borders, and nothing else.
        foreach (var node in narrow.Nodes.Where(n => n.Op is "RmsNorm" or "Rotary" or "GatedUnit"))
            Assert.AreEqual(ElementType.BFloat16, node.Outputs[0]!.Type, node.Op);
        using (var session = new OrtSession(narrow, threads: 1, (options, _) => DeviceOperators.AddTo(options, isCuda: false)))
        using (operators.Enter())
            device = Run(session);
        foreach (var output in outputs)
        {
            var (largest, difference) = (host[output].Max(Math.Abs), host[output].Zip(device[output], (a, b) => Math.Abs(a - b)).Max());
            Console.WriteLine($"{output}: {difference:0.0000} of {largest:0.00}");
            // A few numbers between are rounded to eight bits.
            Assert.IsLessThanOrEqualTo(Backend.Tolerances.NarrowLayer * largest, difference, output);
        }
        foreach (var kernel in new[] { "rms_norm", "rms_norm_grad", "rms_norm_weight_grad", "gated_unit", "gated_unit_grad", "rotary" })
            Assert.IsGreaterThan(0, driver.Launches.GetValueOrDefault(kernel), kernel);
    }

    // Norm, rotation, a gated unit, and attention, since its kernels and these come together; no sums, which the host has not in bfloat16.
    private static Graph Layer(bool isGelu, bool addsToTheWeight)
    {
        var graph = new Graph("layer", CudaOperators.Opset);
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, All, D);
        var weight = graph.Input("weight", ElementType.Float32, D);
        var up = graph.Input("up", ElementType.Float32, Rows, Tokens, Heads, Width);
        var cos = graph.Input("cos", ElementType.Float32, Rows, Tokens, 1, Width / 2);
        var sin = graph.Input("sin", ElementType.Float32, Rows, Tokens, 1, Width / 2);
        var pull = graph.Input("pull", ElementType.Float32, All, D);
        var mask = graph.Input("mask", ElementType.Int64, Rows, Tokens);
        var normed = op.RmsNorm(x, addsToTheWeight ? op.Add(weight, op.Scalar(1)) : weight, 1e-5);
        var turned = op.Rotary(op.Reshape(normed, Rows, Tokens, Heads, Width), cos, sin);
        Value More(string name) => graph.Input(name, ElementType.Float32, Rows, Tokens, Heads, Width);
        var mixed = op.CausalAttention(op.GatedUnit(turned, up, isGelu), More("k"), More("v"), mask, 0.25, window: 0, softcap: null);
        graph.Output(op.Named("y", mixed));
        var gradients = Differentiator.Backward(op, mixed, pull, [x, weight, up]);
        graph.Output(op.Named("dx", gradients[x]));
        graph.Output(op.Named("dweight", gradients[weight]));
        graph.Output(op.Named("dup", gradients[up]));
        return graph;
    }
}
