using G2RL.Onnx.Cuda.Tests.Kernels;
using G2RL.Onnx.Cuda.Tests.Operators;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Cuda.Tests.Serving;

/// <summary>The serving graph against the decode graph that every other path shares, both in float32 on the CPU provider.</summary>
[TestClass]
public sealed class ServingGraphTests
{
    private const int Rows = 2;
    private const int Capacity = 12;

    /// <summary>Small decoders with heads of a width that the serving graph takes.</summary>
    internal static IReadOnlyDictionary<string, DecoderSpec> Fitting { get; } = Decoders.All
        .Select(d => (d.Key, Spec: d.Value with { HeadDimension = 16, RotaryDimension = null }))
        .Where(d => ServingGraph.Misfit(d.Spec) is null)
        .ToDictionary(d => d.Key, d => d.Spec, StringComparer.Ordinal);

    public static IEnumerable<object[]> Architectures => Fitting.Keys.Select(name => new object[] { name });

    [TestMethod]
    public void Misfit_OfEveryArchitecture_IsNamedOrNone()
    {
        Assert.AreEqual(
            "LlamaForCausalLM MistralForCausalLM Phi3ForCausalLM Qwen2ForCausalLM Qwen3ForCausalLM",
            string.Join(' ', Fitting.Keys.Order(StringComparer.Ordinal)));
        StringAssert.Contains(ServingGraph.Misfit(Decoders.All["GPT2LMHeadModel"]), "not rotated");
        StringAssert.Contains(ServingGraph.Misfit(Decoders.All["Gemma3ForCausalLM"]), "angles");
        StringAssert.Contains(ServingGraph.Misfit(Decoders.All["Olmo2ForCausalLM"]), "behind its blocks");
        StringAssert.Contains(ServingGraph.Misfit(Decoders.All["LlamaForCausalLM"]), "no multiple of 16");
        StringAssert.Contains(
            Assert.ThrowsExactly<GraphException>(() =>
                ServingGraph.Decode(Decoders.All["Olmo2ForCausalLM"], ElementType.Float32, CudaOperators.Opset)).Message,
            "has no serving graph: it has norms behind its blocks");
    }

    [TestMethod]
    [DynamicData(nameof(Architectures))]
    public void Decode_PromptAndSteps_EqualTheDecodeGraph(string architecture)
    {
        var spec = Fitting[architecture];
        using var plain = new Run(spec, DecoderGraph.Decode(spec, CudaOperators.Opset));
        using var serving = new Run(spec, ServingGraph.Decode(spec, ElementType.Float32, CudaOperators.Opset));
        foreach (var (ids, filled) in new (long[], int)[] { ([3, 4, 5, 6, 7, 8, 9, 2], 0), ([10, 11], 4), ([12, 1], 5), ([2, 3], 6) })
        {
            var (expected, found) = (plain.Step(ids, filled), serving.Step(ids, filled));
            for (var i = 0; i < expected.Length; i++)
                Assert.AreEqual(expected[i], found[i], 2e-5, $"{architecture}, {filled} filled, element {i}");
            Assert.IsGreaterThan(0.1f, expected.Max() - expected.Min());
        }
    }

    // A captured step keeps the total length with which it was captured: any from the longest row's up to the capacity has to do.
    [TestMethod]
    [DynamicData(nameof(Architectures))]
    public void Decode_TotalOfTheWholeCapacity_ChangesNoStep(string architecture)
    {
        var spec = Fitting[architecture];
        using var exact = new Run(spec, ServingGraph.Decode(spec, ElementType.Float32, CudaOperators.Opset));
        using var whole = new Run(spec, ServingGraph.Decode(spec, ElementType.Float32, CudaOperators.Opset));
        exact.Step([3, 4, 5, 6, 7, 8, 9, 2], 0);
        whole.Step([3, 4, 5, 6, 7, 8, 9, 2], 0);
        for (var filled = 4; filled < 8; filled++)
            CollectionAssert.AreEqual(exact.Step([10, filled], filled), whole.Step([10, filled], filled, Capacity));
    }

    // A session over either graph, with weights that are functions of their names, so that both have the same.
    private sealed class Run : IDisposable
    {
        private readonly DecoderSpec spec;
        private readonly OrtSession session;
        private readonly Dictionary<string, FloatBuffer> held = new(StringComparer.Ordinal);

        public Run(DecoderSpec spec, Graph graph)
        {
            (this.spec, session) = (spec, new OrtSession(graph, threads: 1));
            var fused = FusedWeight.Of(spec).ToDictionary(f => f.Name, f => f.Parts, StringComparer.Ordinal);
            var parameters = spec.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
            foreach (var input in graph.Inputs.Where(i => i.Type == ElementType.Float32))
                held[input.Name] = input.Name switch
                {
                    DecoderGraph.RopeCos or DecoderGraph.RopeSin => Table(input.Name),
                    var name when name.StartsWith("past", StringComparison.Ordinal) =>
                        new FloatBuffer(Rows * spec.KeyValueHeads * Capacity * spec.HeadDimension),
                    var name => Filled([.. fused.GetValueOrDefault(name, [name]).SelectMany(p => Weight(parameters[p]))]),
                };
            Shapes = graph.Inputs.ToDictionary(
                i => i.Name,
                i => i.Shape.Select(d => d.IsKnown ? d.Size : d.ToString() is "B" ? Rows : Capacity).ToArray(),
                StringComparer.Ordinal);
        }

        private Dictionary<string, long[]> Shapes { get; }

        // Logits, hidden states and the caches after new tokens, the same number in each row.
        public float[] Step(long[] ids, int filled, int? total = null)
        {
            var tokens = ids.Length / Rows;
            using var binding = session.Bind();
            foreach (var (name, buffer) in held)
            {
                binding.Input(name, buffer, 0, Shapes[name]);
                if (name.StartsWith("past", StringComparison.Ordinal))
                    binding.Output(name.Replace("past_key_values", "present", StringComparison.Ordinal), buffer, 0, Shapes[name]);
            }
            binding.Input("input_ids", ids, Rows, tokens);
            if (session.InputNames.Contains("position_ids"))
                binding.Input<long>("position_ids", [.. ids.Select((_, i) => (long)filled + (i % tokens))], Rows, tokens);
            binding.Input<long>("rows", [.. Enumerable.Range(0, ids.Length)], ids.Length);
            binding.Input("seqlens_k", [filled + tokens - 1, filled + tokens - 1], Rows);
            binding.Input("total_sequence_length", [total ?? (filled + tokens)], 1);
            var (logits, hidden) = (new float[ids.Length * spec.VocabularySize], new float[ids.Length * spec.HiddenSize]);
            binding.Output("logits", logits, ids.Length, spec.VocabularySize);
            binding.Output("last_hidden_state", hidden, ids.Length, spec.HiddenSize);
            binding.Run();
            return [.. logits, .. hidden, .. held.Where(h => h.Key.StartsWith("past", StringComparison.Ordinal))
                .OrderBy(h => h.Key, StringComparer.Ordinal)
                .SelectMany(h => h.Value.Span.ToArray())];
        }

        public void Dispose()
        {
            session.Dispose();
            foreach (var buffer in held.Values)
                buffer.Dispose();
        }

        private static float[] Weight(ParameterSpec parameter)
        {
            var count = parameter.Shape.Aggregate(1, (a, b) => a * (int)b);
            var seed = parameter.Name.Aggregate(7, (a, c) => (a * 31) + c) & 0xFFFF;
            return parameter.Name.Contains("norm", StringComparison.Ordinal)
                ? [.. Elements.Normal(count, seed, 0.2).Select(x => 1 + x)]
                : Elements.Normal(count, seed, 0.3);
        }

        private FloatBuffer Table(string name)
        {
            var half = spec.HeadDimension / 2;
            var (cos, sin) = (new float[Capacity * half], new float[Capacity * half]);
            new RotaryEmbedding(spec).Fill(cos, sin, Capacity);
            return Filled(name == DecoderGraph.RopeCos ? cos : sin);
        }

        private static FloatBuffer Filled(float[] values)
        {
            var buffer = new FloatBuffer(values.Length);
            values.CopyTo(buffer.Span);
            return buffer;
        }
    }
}
