using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Tests.Backend;

[TestClass]
public sealed class PaddingTests
{
    [TestMethod]
    public void Up_EveryLength_IsPaddedByAtMostSevenOrASixteenth()
    {
        var lengths = new HashSet<int>();
        for (var n = 1; n <= 1 << 20; n++)
        {
            var up = LengthBuckets.Up(n);
            Assert.IsTrue(up >= n && up % 8 == 0 && (up - n <= 7 || up - n < n / 16.0), $"{n}: {up}");
            lengths.Add(up);
        }
        Assert.HasCount(32 + (16 * 12), lengths);
    }

    // Tokens that fill a micro-batch up have weight 0: neither loss nor gradient nor what is found for the real ones may feel them.
    [TestMethod]
    [DataRow("clipped")]
    [DataRow("gspo")]
    [DataRow("clip-cov")]
    [DataRow("kl-cov")]
    public void Padded_Microbatch_GivesTheSameLossAndGradient(string loss)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        // Weights of their own for divergence and entropy, and a draw of half of the tokens.
        var objective = PolicyLoss.Objective(new(KlCoefficient: 0.1, EntropyCoefficient: 0.1)
        {
            Loss = loss,
            KlApart = true,
            EntropyApart = true,
            CovarianceShare = 0.5,
            CovarianceLow = -1e3,
            CovarianceHigh = 1e3,
        });
        var micro = new Microbatch(new SequenceBatch([new([1, 2, 3], [4, 5, 6, 7]), new([2], [8, 9])]));
        for (var i = 0; i < micro.Weights.Length; i++)
        {
            (micro.Weights[i], micro.Advantages[i], micro.OldLogProbs[i], micro.ReferenceLogProbs[i]) = (0.1f + i, i - 2.5f, -3 - i, -4);
            (micro.KlWeights[i], micro.EntropyWeights[i], micro.Lots[i], micro.Moved[i]) = (0.2f * i, 0.3f, (i * 5) % 6, i % 2);
        }
        var (plain, expected) = Gradients(policy, objective, micro);
        var padded = micro.Padded(16, 24);
        var (sum, found) = Gradients(policy, objective, padded);
        Assert.AreEqual(plain, sum, 1e-5 * Math.Abs(plain));
        foreach (var (a, b) in expected.Zip(found))
            Assert.AreEqual(a, b, 1e-6 + (1e-5 * Math.Abs(a)));
        Assert.IsTrue(expected.Any(g => g != 0));
        for (var i = 0; i < micro.LogProbs.Length; i++)
            Assert.AreEqual(micro.LogProbs[i], padded.LogProbs[i], 1e-5);
    }

    private static (double Loss, float[] Gradients) Gradients(
        Policy policy, Func<Graphs.OpBuilder, Graphs.Value, Graphs.Value, Graphs.Value> objective, Microbatch micro)
    {
        using var accumulator = new GradientAccumulator(policy, objective, temperature: 1, threads: 1);
        var loss = accumulator.Add(micro);
        return (loss, [.. accumulator.Gradients.SelectMany(g => g.Buffer.Span.ToArray())]);
    }
}
