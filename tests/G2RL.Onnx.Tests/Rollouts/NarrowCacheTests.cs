using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>Keys and values in bfloat16 and in 8 bits.</summary>
[TestClass]
public sealed class NarrowCacheTests
{
    private static readonly int[][] Prompts = [[5, 6, 7], [9, 1], [3, 3, 3, 3, 8], [2]];

    // A key or value of bfloat16 is off by d = 2^-9 of itself at most, one in 8 bits by 1/254 of the largest beside it, double that. Norms
    // make queries and keys of 8 numbers at most sqrt(8) long here, give or take their weights: a score, q k / sqrt(8), is off by 2.8 d, a
    // share by 5.7 d of itself, what is mixed by 6.7 d, two layers by 13 d, and a logit, of 16 numbers of size 1 and weights of 0.3, by
    // 4.8 times that; a log-prob by twice as much: 128 d = 0.25. That the operator rounds exactly so and nothing else is FusedCases'
    // matter; float32's own rounding is a thousand times smaller, so that a cache that rounds nothing would be seen, too.
    [TestMethod]
    [DataRow(CacheType.BFloat16, 0.25)]
    [DataRow(CacheType.Int8, 0.5)]
    public void Draw_NarrowCache_StaysNearTheFullForwardPassAndIsIndependentOfNeighbours(CacheType type, double bound)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var tokenizer = Tokenizer.Load(model.Folder);
        Rollout[]? first = null;
        foreach (var (threads, rows) in new[] { (1, 64), (2, 64), (1, 2), (3, 5) })
        {
            var settings = new SamplerSettings { MaxNewTokens = 30, MaxRows = rows, Threads = threads, CacheType = type };
            using var sampler = new Sampler(policy, tokenizer, settings);
            var drawn = sampler.Draw(new(Prompts, Samples: 5, Seed: 1, Step: 0)).SelectMany(r => r).ToArray();
            first ??= drawn;
            for (var i = 0; i < drawn.Length; i++)
            {
                CollectionAssert.AreEqual(first[i].Tokens, drawn[i].Tokens);
                CollectionAssert.AreEqual(first[i].LogProbs, drawn[i].LogProbs);
            }
        }
        using var stream = new StreamingSampler(policy, new() { MaxNewTokens = 30, CacheType = type });
        var streamed = stream.Draw(Prompts[0], seed: 1).ToArray();
        CollectionAssert.AreEqual(first![0].LogProbs, streamed.Select(t => t.LogProb).ToArray());
        using var scorer = new Scorer(policy.Spec, threads: 2);
        var scores = scorer.Score(policy, [.. first.Select(r => new Sequence(r.PromptTokens, r.Tokens))], 1, 512);
        var worst = first.Zip(scores).Max(p => p.First.LogProbs.Zip(p.Second.LogProbs).Max(q => Math.Abs(q.First - q.Second)));
        Assert.IsLessThan(bound, worst);
        Assert.IsGreaterThan(10 * Tolerances.LogProbs, worst);
    }

    // 2 layers x 2 tensors x 2 key heads x 8 numbers a position, of 4, 2 and 1 bytes, and with those of one a scale of 4 a tensor and head.
    [TestMethod]
    [DataRow(CacheType.Float32, 256)]
    [DataRow(CacheType.BFloat16, 128)]
    [DataRow(CacheType.Int8, 96)]
    public void BytesPerRow_EveryType_CountsNumbersAndScales(CacheType type, int position)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        Assert.AreEqual(40 * position, KvCache.BytesPerRow(policy.Spec, 40, type));
        var plan = SamplerPlan.For(policy.Spec, 40, new() { Threads = 1, CacheType = type, CacheBudgetBytes = 96 * 40 * 12 });
        Assert.AreEqual((96 * 12 / position) - 1, plan.RowsPerThread);
    }

    // The difference is told, a correction weighs it, and a run that was cut goes on as if it had not been.
    [TestMethod]
    [DataRow(CacheType.BFloat16, CorrectionKind.None)]
    [DataRow(CacheType.Int8, CorrectionKind.Tis)]
    public void Run_NarrowCache_TellsTheMismatchAndResumesWithTheSameBytes(CacheType type, CorrectionKind correction)
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Steps = 4,
            Sampling = model.Config.Sampling with { CacheType = type },
            Algorithm = new() { Correction = new() { Weights = correction } },
        };
        var whole = Train(config, Path.Combine(model.Root, "whole"), end: 4, metrics =>
        {
            Assert.IsGreaterThan(10 * metrics["mismatch/allowed_nats"], metrics["mismatch/sampler_trainer_max_nats"]);
            Assert.IsLessThan(0.5, metrics["mismatch/sampler_trainer_max_nats"]);
        });
        Train(config, Path.Combine(model.Root, "cut"), end: 2);
        Assert.AreEqual(whole, Train(config, Path.Combine(model.Root, "cut"), end: 4));
        Assert.AreNotEqual(whole, Train(config with { Sampling = model.Config.Sampling }, Path.Combine(model.Root, "wide"), end: 4));
    }

    [TestMethod]
    public void Rules_NarrowCache_IsRefusedWhereNothingReadsItAndWarnedOfWhereNothingWeighsIt()
    {
        RunConfig config = new() { Sampling = new() { CacheType = CacheType.Int8 } };
        static string[] Faults(RunConfig c) =>
            [.. RunConfigRules.Faults(c).Where(f => f.StartsWith("sampling.cacheType", StringComparison.Ordinal))];
        Assert.IsEmpty(Faults(config));
        StringAssert.Contains(Faults(config with { Execution = new() { Kernels = KernelChoice.Standard } }).Single(), "execution.kernels");
        StringAssert.Contains(Faults(config with { Execution = new() { Device = "cuda:0" } }).Single(), "execution.precision");
        Assert.IsTrue(RunConfigRules.Warnings(config).Any(w => w.Contains("sampling.cacheType is Int8", StringComparison.Ordinal)));
        var weighed = config with { Algorithm = new() { Correction = new() { Weights = CorrectionKind.Tis } } };
        Assert.IsFalse(RunConfigRules.Warnings(weighed).Any(w => w.Contains("sampling.cacheType", StringComparison.Ordinal)));
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var message = Assert.ThrowsExactly<InputException>(() => new StreamingSampler(
            policy,
            new() { CacheType = CacheType.BFloat16, Kernels = KernelChoice.Standard })).Message;
        StringAssert.Contains(message, "sampling.cacheType");
    }

    private static string Train(RunConfig config, string folder, int end, Action<IReadOnlyDictionary<string, double>>? look = null)
    {
        using var cancel = new CancellationTokenSource();
        var steps = 0;
        using var trainer = new Trainer(config, TinyModel.Problems(), new()
        {
            Started = done => steps = done,
            Step = metrics =>
            {
                look?.Invoke(metrics.Values);
                if (++steps == end)
                    cancel.Cancel();
            },
        });
        using var run = Directory.Exists(folder)
            ? RunDirectory.Resume(folder, config)
            : RunDirectory.Create(config, TimeProvider.System, folder);
        trainer.Run(run, cancel.Token);
        return trainer.Policy.Hash();
    }
}
