using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

/// <summary>Packed rows with shared prompts give the numbers of padded ones, in less work.</summary>
[TestClass]
public sealed class PackingTests
{
    // Prompts of 1 to 5 tokens, one of them twice with another between, responses of 1 to 12.
    private static readonly Sequence[] Sequences =
    [
        .. from i in Enumerable.Range(0, 14)
           let prompt = (i / 3) % 4
           select new Sequence(
               [.. Enumerable.Range(0, 1 + (2 * prompt % 5)).Select(t => (prompt + (3 * t)) % 16)],
               [.. Enumerable.Range(0, 1 + (5 * i % 12)).Select(t => ((7 * i) + (3 * t)) % 16)]),
    ];

    public static IEnumerable<object[]> Losses => LossTable.All.Keys.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Losses))]
    public void Update_Packed_IsThePaddedOne(string loss)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        int[][] whole = [BatchPlan.Whole(Sequences, packed: true)];
        var padded = Update(policy, loss, whole, GraphMemory.Plain);
        var memory = new GraphMemory(InPlaceSums: true, Kernels: GraphKernels.Fused, Packed: true);
        var ways = new Dictionary<string, int[][]>(StringComparer.Ordinal) { ["in one batch"] = whole };
        if (!LossTable.All[loss].WholeBatch)
        {
            ways["in batches of 30"] = [.. PackedPrompts.Plan(Sequences, 30)];
            ways["one by one"] = [.. Enumerable.Range(0, Sequences.Length).Select(i => new[] { i })];
        }
        foreach (var (way, parts) in ways)
            foreach (var recompute in new[] { false, true })
            {
                var packed = Update(policy, loss, parts, memory with { Recompute = recompute });
                Assert.AreEqual(padded.Loss, packed.Loss, Tolerances.Loss, $"{loss} {way}: the loss");
                for (var i = 0; i < Sequences.Length; i++)
                    Golden.Near(packed.LogProbs[i], padded.LogProbs[i], Tolerances.LogProbs, $"{loss} {way}: log-probs of {i}");
                for (var p = 0; p < padded.Gradients.Length; p++)
                    Golden.Near(
                        packed.Gradients[p],
                        padded.Gradients[p],
                        Tolerances.GradientRelative * padded.Gradients[p].Max(MathF.Abs),
                        $"{loss} {way}: {policy.Parameters[p].Name}");
            }
    }

    [TestMethod]
    public void Score_Packed_IsThePaddedOneWhateverTheThreads()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        Scores[] Of(Packing packing, int threads)
        {
            using var scorer = new Scorer(policy.Spec, threads, KernelChoice.Auto, packing);
            return scorer.Score(policy, Sequences, 0.7, maxTokens: 32, withHidden: true, withFeatures: true);
        }

        var (padded, packed, again) = (Of(Packing.None, 1), Of(Packing.Auto, 1), Of(Packing.Auto, 3));
        for (var i = 0; i < Sequences.Length; i++)
        {
            Golden.Near(packed[i].LogProbs, padded[i].LogProbs, Tolerances.LogProbs, $"log-probs of {i}");
            Golden.Near(packed[i].Entropies, padded[i].Entropies, Tolerances.LogProbs, $"entropies of {i}");
            Golden.Near(packed[i].FeatureWeights!, padded[i].FeatureWeights!, Tolerances.LogProbs, $"u of {i}");
            Golden.Near(packed[i].HiddenStates!, padded[i].HiddenStates!, Tolerances.LogProbs * 10, $"states of {i}");
            CollectionAssert.AreEqual(packed[i].LogProbs, again[i].LogProbs);
        }
    }

    [TestMethod]
    public void Plan_HoldsEverySequenceOnceWithinItsTokensAndAboutEven()
    {
        foreach (var most in new[] { 1, 20, 33, 64, 1000 })
        {
            var plan = PackedPrompts.Plan(Sequences, most);
            CollectionAssert.AreEquivalent(Enumerable.Range(0, Sequences.Length).ToArray(), plan.SelectMany(b => b).ToArray());
            var sizes = plan.Select(b => PackedPrompts.Batch([.. b.Select(i => Sequences[i])]).Width).ToArray();
            foreach (var (batch, size) in plan.Zip(sizes))
                Assert.IsTrue(size <= most || batch.Length == 1, $"{size} tokens of {most}");
        }
        // Of 20 groups of 16 with 11 tokens each, prompts of 6: 3,320 tokens, 12 batches of about 277 for at most 300.
        Sequence[] many = [.. Enumerable.Range(0, 320).Select(i => new Sequence([i / 16, 1, 2, 3, 4, 5], new int[11]))];
        var even = PackedPrompts.Plan(many, 300).Select(b => PackedPrompts.Batch([.. b.Select(i => many[i])]).Width).ToArray();
        Assert.HasCount(12, even);
        Assert.IsLessThanOrEqualTo(16, even.Max() - even.Min(), string.Join(' ', even));
        // Prompts of 1, 3, 5 and 2 tokens, the first again, counted once; 14 responses of 1 to 12, all but their last tokens.
        var own = Sequences.Sum(s => s.Response.Length - 1);
        Assert.AreEqual(1 + 3 + 5 + 2 + own, PackedPrompts.Tokens(Sequences));
        Sequence[] whole = [.. BatchPlan.Whole(Sequences, packed: true).Select(i => Sequences[i])];
        Assert.AreEqual(1 + 3 + 5 + 2 + own, PackedPrompts.Batch(whole).Width);
    }

    [TestMethod]
    public void Batch_TwoResponsesOfOnePrompt_LiesAsDrawn()
    {
        var batch = PackedPrompts.Batch([new([5, 6], [7, 8, 9]), new([5, 6], [3]), new([5], [2, 4])]);
        CollectionAssert.AreEqual(new long[] { 5, 6, 7, 8, 5, 2 }, batch.InputIds);
        CollectionAssert.AreEqual(new long[] { 0, 1, 2, 3, 0, 1 }, batch.Positions);
        CollectionAssert.AreEqual(new long[] { 2, 0, 2, 1, 1, 0, 1, 1 }, batch.Segments);
        // The last token of the prompt scores the first of each response.
        CollectionAssert.AreEqual(new long[] { 1, 2, 3, 1, 4, 5 }, batch.Scored);
        CollectionAssert.AreEqual(new long[] { 7, 8, 9, 3, 2, 4 }, batch.Targets);
        CollectionAssert.AreEqual(new[] { 0, 0, 0, 1, 2, 2 }, batch.Owners);
    }

    [TestMethod]
    public void Packing_AskedForWhereNothingPacks_IsRefusedByName()
    {
        var elsewhere = new RunConfig
        {
            Training = new() { Packing = Packing.Prompts },
            Execution = new() { Gradients = "ortTraining" },
        };
        Assert.IsTrue(RunConfigRules.Faults(elsewhere).Any(f => f.Contains("training.packing", StringComparison.Ordinal)));
        var failure = Assert.ThrowsExactly<InputException>(() => Packing.Prompts.Here(KernelChoice.Standard));
        StringAssert.Contains(failure.Message, "training.packing is prompts, but execution.kernels is standard");
        Assert.IsFalse(Packing.Auto.Here(KernelChoice.Standard));
    }

    private static (double Loss, float[][] LogProbs, float[][] Gradients) Update(
        Policy policy, string loss, int[][] parts, GraphMemory memory)
    {
        using var trainer = new GradientAccumulator(
            policy,
            PolicyLoss.Objective(new(KlCoefficient: 0.01, EntropyCoefficient: 0.003) { Loss = loss, SkipMasked = true, Corrected = true }),
            temperature: 1,
            threads: 2,
            memory);
        var total = Sequences.Sum(s => s.Response.Length);
        Microbatch[] micros = [.. parts.Select(indices => Fill(indices, total, memory.Packed))];
        var sum = trainer.Add(micros);
        var logProbs = new float[Sequences.Length][];
        foreach (var (micro, indices) in micros.Zip(parts))
            for (var (i, next) = (0, 0); i < indices.Length; next += Sequences[indices[i++]].Response.Length)
                logProbs[indices[i]] = micro.LogProbs[next..(next + Sequences[indices[i]].Response.Length)];
        return (sum, logProbs, [.. trainer.Gradients.Select(g => g.Buffer.Span.ToArray())]);
    }

    private static Microbatch Fill(int[] indices, int total, bool packed)
    {
        var micro = new Microbatch(BatchPlan.Batch([.. indices.Select(i => Sequences[i])], packed));
        var next = 0;
        foreach (var i in indices)
            for (var t = 0; t < Sequences[i].Response.Length; t++, next++)
            {
                (micro.Weights[next], micro.Advantages[next]) = (1f / total, ((i % 5) - 0.7f) / 1.5f);
                (micro.OldLogProbs[next], micro.ReferenceLogProbs[next], micro.Corrections[next]) =
                    (-2.5f - (0.1f * t), -2.7f, 1 + (0.01f * i));
                micro.Lots[next] = (100 * i) + t;
            }
        return micro;
    }
}
