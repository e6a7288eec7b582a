using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Kernels.Products;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Updates;

/// <summary>Micro-batches at work at once add to one sum in turn, instead of to one each.</summary>
[TestClass]
public sealed class SharedSumsTests
{
    private const int Width = 256;

    // Matrices of 65,536 numbers and more share their sums, keys and values of 32,768 do not; 600 tokens are three blocks of a product.
    [TestMethod]
    [DataRow(true, false, false)]
    [DataRow(true, true, false)]
    [DataRow(false, false, true)]
    public void Add_SharedOrNot_GivesTheSameSums(bool tied, bool recomputes, bool packed)
    {
        using var policy = Policy(tied);
        var memory = MemoryChoice.Training(policy.Spec, 600, 64, recomputes, KernelChoice.Fused) with { Packed = packed };
        Assert.IsTrue(memory.SharedSums);
        var apart = Sums(policy, memory with { SharedSums = false }, threads: 2);
        var alone = Sums(policy, memory, threads: 1);
        for (var p = 0; p < apart.Length; p++)
        {
            var (name, largest) = (policy.Trainable[p].Name, apart[p].Max(MathF.Abs));
            Assert.IsGreaterThan(0, largest, name);
            // Rows that tokens look up are added last, after the head's.
            if (name.Contains("embed", StringComparison.Ordinal))
                for (var i = 0; i < apart[p].Length; i++)
                    Assert.AreEqual(apart[p][i], alone[p][i], 1e-6f * largest, name);
            else
                CollectionAssert.AreEqual(apart[p], alone[p], name);
        }
        foreach (var threads in new[] { 2, 3, 5 })
            foreach (var (one, other) in alone.Zip(Sums(policy, memory, threads)))
                CollectionAssert.AreEqual(one, other, $"{threads} threads");
    }

    [TestMethod]
    public void LaneGradients_SharedSums_AreThoseOfSmallWeights()
    {
        using var policy = Policy(tied: true);
        var memory = MemoryChoice.Training(policy.Spec, 600, 64, recompute: false, KernelChoice.Fused);
        // Of a layer keys and values, 128 x 256 each, and two norms; the last norm.
        Assert.AreEqual(
            (2 * ((2 * 128 * Width) + (2 * Width))) + Width,
            MemoryEstimate.LaneGradients(policy.Spec, memory).Sum(p => p.Count));
        Assert.AreEqual(
            policy.Spec.ParameterCount,
            MemoryEstimate.LaneGradients(policy.Spec, memory with { SharedSums = false }).Sum(p => p.Count));
        Assert.IsFalse(MemoryChoice.Training(policy.Spec with { VocabularySize = 1 << 18 }, 600, 64, recompute: false).SharedSums);
    }

    // The second of three waits within its product for the first, which is refused.
    [TestMethod]
    public void Add_OneFails_LetsTheOthersGoAndSaysWhy()
    {
        using var policy = Policy(tied: true);
        var memory = MemoryChoice.Training(policy.Spec, 600, 64, recompute: false, KernelChoice.Fused);
        using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads: 3, memory);
        var micros = Micros(packed: false);
        micros[0].Batch.InputIds[^1] = 512;
        var failure = Assert.Throws<Exception>(() => gradients.Add(micros));
        StringAssert.Contains(failure.Message, "Row 512 is asked for; there are 512.");
        // And the next ones are added as ever.
        gradients.Clear();
        gradients.Add(Micros(packed: false));
        CollectionAssert.AreEqual(
            Sums(policy, memory, threads: 1)[0],
            gradients.Gradients[0].Buffer.Span.ToArray());
    }

    [TestMethod]
    public void Await_TurnOfAnother_WaitsUntilItIsPassed()
    {
        var turns = new LaneTurns(2);
        var order = new List<int>();
        var second = new Thread(() =>
        {
            turns.Begin(1);
            LaneTurns.Await();
            lock (order)
                order.Add(1);
            LaneTurns.Pass();
            turns.AwaitLast(1);
            lock (order)
                order.Add(3);
            turns.End(1);
        });
        second.Start();
        turns.Begin(0);
        // Long enough for the other to come by and wait; were it not to wait, it would be before the 0.
        Thread.Sleep(20);
        LaneTurns.Await();
        lock (order)
            order.Add(0);
        LaneTurns.Pass();
        Thread.Sleep(20);
        lock (order)
            order.Add(2);
        turns.End(0);
        Assert.IsFalse(LaneTurns.AreTaken);
        second.Join();
        Assert.AreEqual(0, order[0]);
        Assert.AreEqual(3, order[^1]);
    }

    private static float[][] Sums(Policy policy, GraphMemory memory, int threads)
    {
        using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads, memory);
        Assert.AreEqual(memory.Packed, gradients.Packs);
        gradients.Add(Micros(memory.Packed));
        return [.. gradients.Gradients.Select(g => g.Buffer.Span.ToArray())];
    }

    // 600 tokens, and then a few.
    private static Microbatch[] Micros(bool packed) =>
        [.. new[] { 20, 2, 1, 3 }.Select((rows, m) =>
        {
            var sequences = Enumerable.Range(0, rows)
                .Select(r => new Sequence([3 + m, 4], [.. Enumerable.Range(0, 29).Select(t => ((7 * r) + t) % 500)]));
            var micro = new Microbatch(BatchPlan.Batch([.. sequences], packed));
            Array.Fill(micro.Weights, 0.01f);
            return micro;
        })];

    private static Policy Policy(bool tied) => Execution.Policy.Create(
        Architectures.Parse(
            $$"""
            {"architectures": ["LlamaForCausalLM"], "vocab_size": 512, "hidden_size": {{Width}}, "intermediate_size": 300,
             "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
             "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": {{(tied ? "true" : "false")}}, "eos_token_id": 1}
            """,
            "config.json"),
        64,
        (parameter, weights) =>
        {
            for (var i = 0; i < weights.Length; i++)
                weights[i] = parameter.Shape.Length == 1 ? 1 : 0.05f * MathF.Sin((i * 0.7f) + parameter.Shape[0]);
        });
}
