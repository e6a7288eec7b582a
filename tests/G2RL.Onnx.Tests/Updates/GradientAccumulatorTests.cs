using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Optimizers;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Tests.Updates;

/// <summary>Micro-batches side by side and one after the other, and what a loss of whole sequences is told.</summary>
[TestClass]
public sealed class GradientAccumulatorTests : IDisposable
{
    private readonly TinyModel model = new();

    public void Dispose() => model.Dispose();

    // The first is long, so that the other lane has ended the second and third before their turn.
    [TestMethod]
    public void Add_LongBeforeShort_SumsInTheirOrder()
    {
        using var policy = Policy.Load(model.Folder, 24);
        float[][] Sums(int threads)
        {
            using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads);
            gradients.Add([Weighted(Long(8)), Weighted([new([3, 4], [5, 6, 7])]), Weighted([new([5], [8])])]);
            return [.. gradients.Gradients.Select(g => g.Buffer.Span.ToArray())];
        }
        var (alone, beside) = (Sums(1), Sums(2));
        for (var p = 0; p < alone.Length; p++)
            CollectionAssert.AreEqual(alone[p], beside[p], policy.Trainable[p].Name);
    }

    // The lane that waits for its turn behind one that failed is let go.
    [TestMethod]
    public void Add_LaneThatFailsWhileAnotherWaits_Throws()
    {
        using var policy = Policy.Load(model.Folder, 24);
        using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads: 2);
        Assert.ThrowsExactly<OnnxRuntimeException>(() => gradients.Add([Weighted(Long(1_000_000)), Weighted([new([5], [8])])]));
    }

    // A gradient for each of two lanes would be more than is held beside the sums: one lane, straight into them.
    [TestMethod]
    public void Add_LargeModel_SumsWithoutAGradientBeside()
    {
        var spec = TinySpec() with { VocabularySize = 65_536, HiddenSize = 512, Layers = 1 };
        Assert.AreEqual(0, GradientAccumulator.Scratch(spec, threads: 8));
        using var policy = Policy.Create(spec, 8, (p, w) => w.Fill(p.Shape.Length == 1 ? 1 : 0.01f));
        using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads: 2);
        // All logits are alike: the loss of a token is ln 65,536 = 11.09.
        Assert.AreEqual(0.01 * 2 * Math.Log(65_536), gradients.Add(Weighted([new([3], [4, 5])])), 1e-4);
        Assert.IsTrue(gradients.Gradients.Any(g => g.Buffer.Span.ContainsAnyExcept(0f)));
    }

    // It has no lanes that could share a sum, whatever its graph is asked for. Of embeddings apart from the head each row is looked up: a
    // lane's own table of rows would lose their gradient.
    [TestMethod]
    public void Add_LargeModelAskedToShare_SumsAsWithout()
    {
        var spec = TinySpec() with { VocabularySize = 36_000, HiddenSize = 512, Layers = 1, TieEmbeddings = false };
        Assert.AreEqual(0, GradientAccumulator.Scratch(spec, threads: 1));
        using var policy = Policy.Create(spec, 8, (p, w) =>
        {
            for (var i = 0; i < w.Length; i++)
                w[i] = p.Shape.Length == 1 ? 1 : 0.01f * ((i % 7) - 3);
        });
        using var apart = Summed(shared: false);
        using var shared = Summed(shared: true);
        foreach (var (a, b) in apart.Gradients.Zip(shared.Gradients))
            Assert.IsTrue(a.Buffer.Span.ContainsAnyExcept(0f) && a.Buffer.Span.SequenceEqual(b.Buffer.Span), a.Name);

        GradientAccumulator Summed(bool shared)
        {
            var memory = MemoryChoice.Training(spec, 8, 8, recompute: false) with { SharedSums = shared };
            var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads: 1, memory);
            gradients.Add(Weighted([new([3], [4, 5])]));
            return gradients;
        }
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(8)]
    public void Scratch_SmallModel_IsAGradientOfEachLane(int threads) =>
        Assert.AreEqual(threads, GradientAccumulator.Scratch(TinySpec(), threads));

    // One ratio for a whole sequence, of its tokens that count: the second token of the first one does not.
    [TestMethod]
    public void Add_LossOfWholeSequences_KnowsWhichTokensCount()
    {
        using var policy = Policy.Load(model.Folder, 24);
        var settings = new PolicyLossSettings { Loss = "gspo", SkipMasked = true, ClipLow = 0.9, ClipHigh = 9 };
        using var gradients = new GradientAccumulator(policy, PolicyLoss.Objective(settings), temperature: 1, threads: 1);
        var micro = new Microbatch(new SequenceBatch([new([3, 4], [5, 6, 7]), new([5], [8, 9])]));
        gradients.Add(micro);
        float[] weights = [0.25f, 0, 0.25f, 0.25f, 0.25f], away = [-0.3f, 3, 0.1f, 0.2f, 0.4f];
        for (var i = 0; i < away.Length; i++)
            (micro.Weights[i], micro.Advantages[i], micro.OldLogProbs[i]) = (weights[i], i < 3 ? 2 : -1, micro.LogProbs[i] - away[i]);
        // -0.25 (2 x 2 exp((-0.3 + 0.1) / 2) - 2 exp((0.2 + 0.4) / 2)) = -0.25 (4 x 0.904837 - 2 x 1.349859)
        Assert.AreEqual(-0.229908, gradients.Add(micro), 1e-5);
    }

    private DecoderSpec TinySpec()
    {
        using var policy = Policy.Load(model.Folder, 24);
        return policy.Spec;
    }

    // 400 rows of 21 tokens; the last target of all is no token that is read.
    private static Sequence[] Long(int last)
    {
        Sequence[] rows = [.. Enumerable.Range(0, 400).Select(i =>
            new Sequence([3, 4], [.. Enumerable.Range(0, 20).Select(t => 5 + ((i + t) % 9))]))];
        rows[^1].Response[^1] = last;
        return rows;
    }

    private static Microbatch Weighted(Sequence[] sequences)
    {
        var micro = new Microbatch(new SequenceBatch(sequences));
        Array.Fill(micro.Weights, 0.01f);
        return micro;
    }
}
