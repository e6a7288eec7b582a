using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class LanesTests
{
    [TestMethod]
    public void For_SmallAndLargeModels_WorkSideBySideOrTogether()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        Assert.AreEqual(new Lanes(8, 1), Lanes.For(policy.Spec, 8));
        // 8 gradients of 8,650,752 numbers and more would take over 256 MiB.
        var large = policy.Spec with { VocabularySize = 600_000 };
        Assert.AreEqual(new Lanes(1, 8), Lanes.For(large, 8));
        Assert.AreEqual(new Lanes(2, 1), Lanes.For(large, 2));
    }

    [TestMethod]
    public void Run_LaneThatFails_RethrowsWhenAllHaveEnded()
    {
        var ended = 0;
        var failure = Assert.ThrowsExactly<InvalidOperationException>(() => Lanes.Run(3, lane =>
        {
            Interlocked.Increment(ref ended);
            if (lane == 1)
                throw new InvalidOperationException("lane 1");
        }));
        Assert.AreEqual("lane 1", failure.Message);
        Assert.AreEqual(3, ended);
    }

    // Tokens of a batch below the width of a projection are where ONNX Runtime's own threads change the order of a product's sums.
    [TestMethod]
    public void AddAndScore_AnyNumberOfThreads_GiveTheSameBits()
    {
        using var policy = Policy.Load(SharedFolder.InRepository("models", "arithmetic-base"), 64);
        var random = new Random(3);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(3, 19))];
        var sequences = Enumerable.Range(0, 40).Select(_ => new Sequence(Tokens(random.Next(3, 12)), Tokens(random.Next(1, 20)))).ToArray();
        var (gradients, loss, scores) = All(1);
        foreach (var threads in new[] { 2, 3, 5 })
        {
            var (others, otherLoss, otherScores) = All(threads);
            Assert.AreEqual(loss, otherLoss);
            for (var p = 0; p < gradients.Length; p++)
                CollectionAssert.AreEqual(gradients[p], others[p], $"{policy.Parameters[p].Name}, {threads} threads");
            for (var i = 0; i < scores.Length; i++)
            {
                CollectionAssert.AreEqual(scores[i].LogProbs, otherScores[i].LogProbs);
                CollectionAssert.AreEqual(scores[i].FeatureWeights, otherScores[i].FeatureWeights);
            }
        }

        (float[][] Gradients, double Loss, Scores[] Scores) All(int threads)
        {
            using var accumulator = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, 1, threads);
            using var scorer = new Scorer(policy.Spec, threads);
            Microbatch[] micros = [.. SequenceBatch.Plan(sequences, 100)
                .Select(indices => new Microbatch(new SequenceBatch([.. indices.Select(i => sequences[i])])))];
            foreach (var micro in micros)
                Array.Fill(micro.Weights, 0.01f);
            var sum = accumulator.Add(micros);
            return ([.. accumulator.Gradients.Select(g => g.Buffer.Span.ToArray())], sum,
                scorer.Score(policy, sequences, 1, 100, withFeatures: true));
        }
    }
}
