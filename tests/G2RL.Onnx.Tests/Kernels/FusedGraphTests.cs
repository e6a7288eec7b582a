using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Kernels;

/// <summary>Train graphs of every family written with our operators give the numbers of those written without.</summary>
[TestClass]
public sealed class FusedGraphTests
{
    private const string Qwen3 =
        """{"model_type": "qwen3", "vocab_size": 31, "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12, "max_position_embeddings": 64, "tie_word_embeddings": true, "eos_token_id": 1}""";

    private const string Mistral =
        """{"model_type": "mistral", "vocab_size": 31, "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "sliding_window": 5, "max_position_embeddings": 64, "eos_token_id": 1}""";

    public static IEnumerable<object[]> Cases =>
        from name in new[] { "qwen3", "mistral", "gpt2", "olmo2", "phi3", "gemma3" }
        from memory in new GraphMemory[] { new(), new(HeadChunks: 3, Recompute: true, InPlaceSums: true) }
        select new object[] { name, memory };

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void TrainGraph_WithOurOperators_GivesTheStandardNumbers(string name, GraphMemory memory)
    {
        using var policy = Policy(name);
        var standard = Run(policy, memory);
        var fused = Run(policy, memory with { Kernels = GraphKernels.Fused });
        Assert.AreEqual(standard.Loss, fused.Loss, Tolerances.Loss);
        FusedRun.AssertClose(standard.Micro.LogProbs, fused.Micro.LogProbs, Tolerances.LogProbs, "log-probs");
        FusedRun.AssertClose(standard.Micro.Entropies, fused.Micro.Entropies, Tolerances.LogProbs, "entropies");
        foreach (var (parameter, gradient) in standard.Gradients)
            FusedRun.AssertClose(
                gradient,
                fused.Gradients[parameter],
                Tolerances.GradientRelative * FusedRun.Largest(gradient),
                parameter);
    }

    // Fails when a family's graph goes on without our operators, whose times would then be those of the standard ones.
    [TestMethod]
    public void TrainGraph_WithOurOperators_HoldsThem()
    {
        using var policy = Policy("qwen3");
        var graph = DecoderGraph.Train(policy.Spec, PolicyLoss.CrossEntropy, memory: new(Kernels: GraphKernels.Fused));
        var ours = graph.Nodes.Where(n => n.Domain.Length > 0).GroupBy(n => n.Op).ToDictionary(g => g.Key, g => g.Count());
        // Two norms, one of queries and one of keys in each layer, and the last.
        Assert.AreEqual((2 * 4) + 1, ours["RmsNorm"]);
        Assert.AreEqual((2 * 4) + 1, ours["RmsNormGrad"]);
        Assert.AreEqual(2 * 2 * 2, ours["Rotary"]);
        Assert.AreEqual(2, ours["GatedUnitGrad"]);
        Assert.AreEqual(2, ours["CausalAttentionGrad"]);
        Assert.AreEqual(1, ours["TokenScoresGrad"]);
        Assert.IsFalse(graph.Nodes.Any(n => n.Op is "Softmax" or "LogSoftmax" or "Sigmoid"));
    }

    private static (double Loss, Microbatch Micro, Dictionary<string, float[]> Gradients) Run(Policy policy, GraphMemory memory)
    {
        var random = new Random(5);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(2, policy.Spec.VocabularySize))];
        var micro = new Microbatch(new SequenceBatch([new(Tokens(3), Tokens(9)), new(Tokens(1), Tokens(5)), new(Tokens(6), Tokens(1))]));
        for (var i = 0; i < micro.Weights.Length; i++)
            (micro.Weights[i], micro.Advantages[i], micro.OldLogProbs[i], micro.ReferenceLogProbs[i]) =
                (1f / micro.Weights.Length, (i % 3) - 1, -3.4f, -3f);
        using var gradients = new GradientAccumulator(
            policy,
            PolicyLoss.Objective(new(KlCoefficient: 0.1, EntropyCoefficient: 0.2)),
            temperature: 0.8,
            threads: 1,
            memory);
        var loss = gradients.Add(micro);
        return (loss, micro, gradients.Gradients.ToDictionary(g => g.Name, g => g.Buffer.Span.ToArray(), StringComparer.Ordinal));
    }

    private static Policy Policy(string name)
    {
        var config = name switch { "qwen3" => Qwen3, "mistral" => Mistral, _ => ReferenceDecoders.All[name].Config };
        var random = new Random(7);
        return Execution.Policy.Create(Architectures.Parse(config, name), 64, (parameter, span) =>
        {
            var centre = parameter.Name.Contains("norm", StringComparison.Ordinal) ? 1 : 0;
            for (var i = 0; i < span.Length; i++)
                span[i] = (float)(centre + (0.6 * (random.NextDouble() - 0.5)));
        });
    }
}
