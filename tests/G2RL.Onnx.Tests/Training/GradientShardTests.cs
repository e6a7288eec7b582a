using System.Numerics.Tensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

/// <summary>Shards of a mini-batch: each summed by itself, the sums added in order.</summary>
[TestClass]
public sealed class GradientShardTests
{
    private static readonly Sequence[] Sequences = [.. Enumerable.Range(0, 7).Select(i => new Sequence(
        [.. Enumerable.Range(0, 2 + (i % 3)).Select(t => (i + t) % 16)],
        [.. Enumerable.Range(0, 3 + (5 * i % 7)).Select(t => ((7 * i) + (3 * t)) % 16)]))];

    [TestMethod]
    [DataRow(1, "7")]
    [DataRow(2, "3 4")]
    [DataRow(3, "2 2 3")]
    [DataRow(9, "1 1 1 1 1 1 1")]
    public void Update_OfShards_IsThatOfTheirSumsAddedInOrder(int shards, string sizes)
    {
        using var model = new TinyModel();
        var config = Config(model, shards);
        using var policy = Policy.Load(model.Folder, 40);
        using (var optimizer = PolicyOptimizers.All["graph"](policy, config, 2))
        {
            optimizer.Clear();
            var loss = optimizer.Add(Micros());
            // The norm is of the sums, so it tells whether they are these.
            var (norm, expected, expectedLoss) = (optimizer.GradientNorm()!.Value, ByHand(model, config, sizes), ByHandLoss(model, config));
            Assert.AreEqual(expected, norm);
            Assert.AreEqual(expectedLoss, loss, 1e-12);
            optimizer.Step(1e-3);
        }
        var first = policy.Hash();
        using var again = Policy.Load(model.Folder, 40);
        using (var optimizer = PolicyOptimizers.All["graph"](again, config, 1))
        {
            optimizer.Clear();
            optimizer.Add(Micros());
            optimizer.Step(1e-3);
        }
        Assert.AreEqual(first, again.Hash(), "threads change no bit");
    }

    [TestMethod]
    public void Update_InOneShard_HasTheBitsOfOneSum()
    {
        using var model = new TinyModel();
        string After(ShardRunner? runner, int shards)
        {
            var config = Config(model, shards);
            using var policy = Policy.Load(model.Folder, 40);
            using var optimizer = new StockOptimizer(policy, PolicyOptimizers.Accumulator(policy, config, 1), config, 1, runner);
            optimizer.Clear();
            optimizer.Add(Micros());
            optimizer.Step(1e-3);
            return policy.Hash();
        }
        ShardRunner copied = (shards, sums, own, cancel) =>
        {
            own.Clear();
            var loss = own.Add(shards.Single(), cancel);
            foreach (var (sum, part) in sums.Zip(own.Gradients))
                part.Buffer.Span.CopyTo(sum.Buffer.Span);
            return [loss];
        };
        Assert.AreEqual(After(null, 1), After(copied, 1));
        Assert.AreNotEqual(After(null, 1), After(null, 3), "the number of shards changes rounding");
    }

    [TestMethod]
    public void Add_TwiceBetweenTwoOfClear_IsRefusedWhereShardsAreCut()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        using var optimizer = PolicyOptimizers.All["graph"](policy, Config(model, 2), 1);
        optimizer.Clear();
        optimizer.Add(Micros());
        Assert.ThrowsExactly<InvalidOperationException>(() => optimizer.Add(Micros()));
    }

    private static RunConfig Config(TinyModel model, int shards) =>
        model.Config with { Training = model.Config.Training with { GradientShards = shards, Packing = Packing.None } };

    private static Microbatch[] Micros() => [.. Sequences.Select((s, i) =>
    {
        var micro = new Microbatch(new SequenceBatch([s]));
        for (var t = 0; t < micro.Weights.Length; t++)
            (micro.Weights[t], micro.KlWeights[t], micro.EntropyWeights[t], micro.Advantages[t], micro.OldLogProbs[t]) =
                (0.02f, 0.02f, 0.02f, 0.3f * (i - 3), -2.5f);
        return micro;
    })];

    // Each shard by an accumulator's plain sum, then added in order.
    private static double ByHand(TinyModel model, RunConfig config, string sizes)
    {
        using var policy = Policy.Load(model.Folder, 40);
        using var accumulator = PolicyOptimizers.Accumulator(policy, config, 1);
        var (micros, sums, next) = (Micros(), (float[][]?)null, 0);
        foreach (var size in sizes.Split(' ').Select(s => int.Parse(s, System.Globalization.CultureInfo.InvariantCulture)))
        {
            accumulator.Clear();
            accumulator.Add(micros[next..(next + size)]);
            next += size;
            var part = accumulator.Gradients.Select(g => g.Buffer.Span.ToArray()).ToArray();
            if (sums is null)
                sums = part;
            else
                for (var p = 0; p < sums.Length; p++)
                    TensorPrimitives.Add(sums[p], part[p], sums[p]);
        }
        Assert.AreEqual(micros.Length, next);
        for (var p = 0; p < sums!.Length; p++)
            sums[p].CopyTo(accumulator.Gradients[p].Buffer.Span);
        using var optimizer = new AdamW(policy.Trainable, accumulator.Gradients, config.Training.Optimizer, 1);
        return optimizer.GradientNorm();
    }

    private static double ByHandLoss(TinyModel model, RunConfig config)
    {
        using var policy = Policy.Load(model.Folder, 40);
        using var accumulator = PolicyOptimizers.Accumulator(policy, config, 1);
        return accumulator.Add(Micros());
    }
}
