using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Updates;

/// <summary>Sums of gradients between two updates, and the shards that they are cut into.</summary>
[TestClass]
public sealed class StockOptimizerTests : IDisposable
{
    private static readonly Sequence[] Sequences = [new([3, 4], [5, 6, 7]), new([5], [8])];

    private readonly TinyModel model = new();

    public void Dispose() => model.Dispose();

    [TestMethod]
    public void Add_BetweenTwoClears_SumsUp()
    {
        using var policy = Policy.Load(model.Folder, 24);
        var config = model.Config with
        {
            Algorithm = new() { Name = "grpo", KlCoefficient = 0 },
            Training = model.Config.Training with { Packing = Packing.None },
        };
        using var optimizer = PolicyOptimizers.All["graph"](policy, config, 1);
        double Once()
        {
            optimizer.Clear();
            optimizer.Add(Micro());
            return optimizer.GradientNorm()!.Value;
        }
        var once = Once();
        Assert.IsGreaterThan(0, once);
        optimizer.Add(Micro());
        Assert.AreEqual(2 * once, optimizer.GradientNorm()!.Value, 1e-5 * once, "the same gradient twice");
        Assert.AreEqual(once, Once());
        var before = policy.Trainable[0].Buffer.Span.ToArray();
        optimizer.Step(1e-3);
        CollectionAssert.AreNotEqual(before, policy.Trainable[0].Buffer.Span.ToArray());
    }

    // What the graph finds is what a scorer finds, at the same temperature.
    [TestMethod]
    [DataRow(1.0)]
    [DataRow(2.5)]
    public void Add_AtATemperature_FindsTheScorersLogProbsAndEntropies(double temperature)
    {
        using var policy = Policy.Load(model.Folder, 24);
        using var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature, threads: 1);
        var micro = Micro();
        gradients.Add(micro);
        using var scorer = new Scorer(policy.Spec, 1);
        var scores = scorer.Score(policy, Sequences, temperature, 64);
        float[] logProbs = [.. scores.SelectMany(s => s.LogProbs)], entropies = [.. scores.SelectMany(s => s.Entropies)];
        for (var i = 0; i < logProbs.Length; i++)
        {
            Assert.AreEqual(logProbs[i], micro.LogProbs[i], 1e-5);
            Assert.AreEqual(entropies[i], micro.Entropies[i], 1e-5);
        }
        Assert.IsFalse(gradients.Packs);
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        Assert.ThrowsExactly<OperationCanceledException>(() => gradients.Add([Micro()], cancel.Token));
    }

    // Neighbours, as evenly as they divide; no shard is empty.
    [TestMethod]
    [DataRow(3, 5, "1 2 2")]
    [DataRow(3, 2, "1 1")]
    [DataRow(2, 4, "2 2")]
    public void Add_ShardsOfARunner_AreCutOnceForEachUpdate(int shards, int count, string sizes)
    {
        using var policy = Policy.Load(model.Folder, 24);
        var config = model.Config with { Training = model.Config.Training with { GradientShards = shards } };
        var cut = new List<string>();
        Microbatch[] given = [.. Enumerable.Range(0, count).Select(_ => Micro())];
        var gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads: 1);
        using var optimizer = new StockOptimizer(policy, gradients, config, 1, (parts, sums, own, _) =>
        {
            Assert.AreSame(gradients, own);
            Assert.HasCount(policy.Trainable.Count, sums);
            CollectionAssert.AreEqual(given, parts.SelectMany(p => p).ToArray());
            cut.Add(string.Join(' ', parts.Select(p => p.Length)));
            return [.. parts.Select((_, i) => i + 1.0)];
        });
        optimizer.Clear();
        var expected = Enumerable.Range(1, sizes.Split(' ').Length).Sum();
        Assert.AreEqual(expected, optimizer.Add(given));
        StringAssert.Contains(
            Assert.ThrowsExactly<InvalidOperationException>(() => optimizer.Add(given)).Message, "one call between two of Clear");
        optimizer.Clear();
        Assert.AreEqual(expected, optimizer.Add(given));
        CollectionAssert.AreEqual(new[] { sizes, sizes }, cut);
    }

    // Cut by hand, or because others sum some of them.
    [TestMethod]
    [DataRow(1, "", "gradients", false)]
    [DataRow(2, "", "gradients", true)]
    [DataRow(1, "file:members", "rollouts", false)]
    [DataRow(1, "file:members", "gradients", true)]
    public void SumsApart_OfShards_TakesAGradientMore(int shards, string membership, string share, bool apart) => Assert.AreEqual(
        apart,
        StockOptimizer.SumsApart(new()
        {
            Training = new() { GradientShards = shards },
            Distribution = new() { Membership = membership, Share = [share] },
        }));

    [TestMethod]
    [DataRow(Recomputation.None, false)]
    [DataRow(Recomputation.Layers, true)]
    public void Memory_RecomputationAskedFor_IsTaken(Recomputation asked, bool recomputes)
    {
        CollectionAssert.AreEqual(new[] { "graph", "ortTraining" }, PolicyOptimizers.All.Keys.ToArray());
        using var policy = Policy.Load(model.Folder, 24);
        var config = model.Config with { Training = model.Config.Training with { Recompute = asked } };
        Assert.AreEqual(recomputes, PolicyOptimizers.Memory(policy.Spec, policy.Positions, config, threads: 1).Recompute);
    }

    private static Microbatch Micro()
    {
        var micro = new Microbatch(new SequenceBatch(Sequences));
        for (var i = 0; i < micro.Weights.Length; i++)
            (micro.Weights[i], micro.Advantages[i], micro.OldLogProbs[i]) = (0.25f, i - 1.2f, -2);
        return micro;
    }
}
