using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Operators;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Cuda.Tests.Kernels;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>
/// The numbers of a whole train graph in bfloat16 with our kernels in its layers (execution.kernels=fused on a device): loss, log-probs and
/// every gradient beside the plain graph in float32 on the host, rows unpacked, of weights that bfloat16 holds. Our kernels are those of
/// the device, compiled for the host; ONNX's operators are emulated, see <see cref="WidenedGraph"/>.
/// </summary>
[TestClass]
public sealed class WholeGraphTests
{
    // In the sums of gradients, of another micro-batch.
    private const float Before = 0.25f;

    private static readonly Func<OpBuilder, Value, Value, Value> Objective = PolicyLoss.Objective(new(KlCoefficient: 0.1));

    // Two prompts with several answers each; windows; biases; recomputation. In float32 the same graph differs by 1e-5 at most.
    [TestMethod]
    [DataRow("Qwen3ForCausalLM", true, true)]
    [DataRow("MistralForCausalLM", true, false)]
    [DataRow("LlamaForCausalLM", false, false)]
    public void Train_InBfloat16_IsTheFloat32GraphWithinRounding(string architecture, bool packed, bool recomputes)
    {
        using var model = Model(architecture);
        using var policy = Rounded(model);
        var exact = Run(policy, new(), packed: false, narrow: false);
        var memory = new GraphMemory(HeadChunks: 2, Recompute: recomputes, Kernels: GraphKernels.Device, Packed: packed);
        var found = Run(policy, memory, packed, narrow: true);
        var (logProbs, loss, gradient, name) = Differences(policy, exact, found);
        Console.WriteLine(FormattableString.Invariant(
            $"log-probs {logProbs:0.0000}, loss {loss:0.00000}, gradients {gradient:0.0000} of their norm ({name})"));
        Assert.IsLessThanOrEqualTo(Backend.Tolerances.NarrowModelLogProbs, logProbs);
        Assert.IsLessThanOrEqualTo(Backend.Tolerances.NarrowModelGradient * Math.Abs(exact["loss"][0]), loss);
        Assert.IsLessThanOrEqualTo(Backend.Tolerances.NarrowModelGradient, gradient, name);
        // Of float32 everywhere there would be nothing to see.
        Assert.IsGreaterThan(1e-4, logProbs);
    }

    // Faults of a kind that leaves shapes alone: each is far beyond what rounding allows.
    [TestMethod]
    [DataRow("GatedUnitGrad", 1, 2)]
    [DataRow("CausalAttentionGrad", 2, 3)]
    public void Train_WithInputsOfANodeExchanged_IsSeen(string op, int one, int other)
    {
        using var model = Model("Qwen3ForCausalLM");
        using var policy = Rounded(model);
        var exact = Run(policy, new(), packed: false, narrow: false);
        var changed = 0;
        var found = Run(policy, new(Kernels: GraphKernels.Device), packed: false, narrow: true, (node, inputs) =>
        {
            if (node.Op == op && changed++ == 0)
                (inputs[one], inputs[other]) = (inputs[other], inputs[one]);
            return inputs;
        });
        Assert.IsGreaterThan(0, changed);
        Assert.IsGreaterThan(2 * Backend.Tolerances.NarrowModelGradient, Differences(policy, exact, found).Gradient);
    }

    private static TinyModel Model(string architecture) => architecture == "Qwen3ForCausalLM"
        ? new(headDimension: 16, hidden: 32)
        : new(like: Decoders.All[architecture] with { HiddenSize = 32, HeadDimension = 8 });

    private static Policy Rounded(TinyModel model)
    {
        var policy = Policy.Load(model.Folder, 64);
        foreach (var parameter in policy.Parameters)
            foreach (ref var x in parameter.Buffer.Span)
                x = Elements.As("bf16", [x]).Values[0];
        return policy;
    }

    private static Dictionary<string, float[]> Run(
        Policy policy, GraphMemory memory, bool packed, bool narrow, Func<Node, Value?[], Value?[]>? change = null)
    {
        int[] Tokens(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => 3 + (((i * i) + (seed * 5)) % 11))];
        Sequence[] sequences =
        [
            new(Tokens(9, 1), Tokens(40, 2)), new(Tokens(9, 1), Tokens(33, 3)), new(Tokens(9, 1), Tokens(5, 4)),
            new(Tokens(4, 5), Tokens(21, 6)), new(Tokens(4, 5), Tokens(2, 7)),
        ];
        var micro = new Microbatch(BatchPlan.Batch(sequences, packed));
        for (var i = 0; i < micro.Weights.Length; i++)
            (micro.Weights[i], micro.Advantages[i], micro.OldLogProbs[i], micro.ReferenceLogProbs[i]) =
                (1f / micro.Weights.Length, (i % 3) - 0.8f, -2.7f, -2.4f);
        var graph = DecoderGraph.Train(policy.Spec, Objective, opset: CudaOperators.Opset, memory: memory);
        if (narrow)
            graph = WidenedGraph.Of(
                MixedPrecision.Lower(
                    graph, ElementType.BFloat16, policy.Spec.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal)),
                change);
        using var driver = new HostCompiledDriver(ThreadOrder.Forward);
        using var operators = new DeviceOperators(new KernelCache(driver), new DeviceMemory(driver));
        using var session = narrow
            ? new OrtSession(graph, threads: 1, (options, _) => DeviceOperators.AddTo(options, isCuda: false))
            : new OrtSession(graph, threads: 1);
        using var entered = operators.Enter();
        using var binding = session.Bind();
        policy.BindTo(binding);
        micro.BindTo(binding);
        binding.Input("inverse_temperature", new[] { 1f });
        var results = new Dictionary<string, float[]>(StringComparer.Ordinal);
        foreach (var parameter in policy.Trainable)
        {
            long[] shape = [.. parameter.Shape.Select(n => (long)n)];
            var name = parameter.Name + DecoderGraph.GradientSuffix;
            // Added to where they lie, as on a device.
            var sums = results[parameter.Name] = [.. Enumerable.Repeat(Before, (int)parameter.Buffer.Length)];
            binding.Input(name, sums, shape);
            binding.Output(name + ".out", sums, shape);
        }
        binding.Output("log_probs", micro.LogProbs, micro.LogProbs.Length);
        binding.Output("entropy", micro.Entropies, micro.Entropies.Length);
        binding.Output("loss", results["loss"] = new float[1]);
        binding.Run();
        if (narrow)
            Assert.IsGreaterThanOrEqualTo(7 * policy.Spec.Layers, driver.Launches.GetValueOrDefault("accumulate_bf16"));
        foreach (var parameter in policy.Trainable)
            foreach (ref var x in results[parameter.Name].AsSpan())
                x -= Before;
        results["log_probs"] = micro.LogProbs;
        return results;
    }

    private static (double LogProbs, double Loss, double Gradient, string Name) Differences(
        Policy policy, Dictionary<string, float[]> exact, Dictionary<string, float[]> found)
    {
        double Largest(string name) => exact[name].Zip(found[name], (a, b) => Math.Abs((double)a - b)).Max();
        double Norm(IEnumerable<double> x) => Math.Sqrt(x.Sum(v => v * v));
        // Of the whole gradient's norm by parameter: what is small beside the rest is mostly rounding.
        var whole = Norm(policy.Trainable.SelectMany(p => exact[p.Name]).Select(x => (double)x));
        var (gradient, name) = policy.Trainable
            .Select(p => (Norm(exact[p.Name].Zip(found[p.Name], (a, b) => (double)a - b)) / whole, p.Name))
            .Max();
        return (Largest("log_probs"), Largest("loss"), gradient, name);
    }
}
