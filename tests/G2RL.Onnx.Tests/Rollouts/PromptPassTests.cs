using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

/// <summary>Prompts in pieces and side by side, and rows that are longer than a block of attention.</summary>
[TestClass]
public sealed class PromptPassTests
{
    private const int Positions = 1280;

    // 512 is the length of a run; 1,100 tokens are two and a part. A full forward pass knows nothing of pieces.
    [TestMethod]
    [DataRow(KernelChoice.Standard)]
    [DataRow(KernelChoice.Fused)]
    public void Draw_PromptsOfSeveralPieces_AgreesWithAFullForwardPass(KernelChoice kernels)
    {
        using var model = new TinyModel(positions: Positions);
        using var policy = Policy.Load(model.Folder, Positions);
        var settings = new SamplerSettings { MaxNewTokens = 4, Kernels = kernels, MaxRows = 4 };
        using var sampler = new Sampler(policy, Tokenizer.Load(model.Folder), settings);
        var drawn = sampler.Draw(new([Prompt(1100), Prompt(513), Prompt(3)], Samples: 2, Seed: 1, Step: 0)).SelectMany(r => r).ToArray();
        using var scorer = new Scorer(policy.Spec, threads: 1);
        var scores = scorer.Score(policy, [.. drawn.Select(r => new Sequence(r.PromptTokens, r.Tokens))], 1, 2048);
        foreach (var (rollout, score) in drawn.Zip(scores))
            Golden.Near(rollout.LogProbs, score.LogProbs, Tolerances.LogProbs, $"log-probs behind {rollout.PromptTokens.Length} tokens");
    }

    // With operators of ours neither the pieces nor the prompts beside it change a bit of a prompt's logits; 600 tokens are more than a
    // block of attention, whose parts are put together, and stand beside 40, which are not.
    [TestMethod]
    public void Run_AnyPiecesAndNeighbours_GivesTheSameBits()
    {
        using var model = new TinyModel(positions: Positions);
        using var policy = Policy.Load(model.Folder, Positions);
        using var session = DecodeGraphs.Open(policy.Spec, KernelChoice.Fused, threads: 2);
        // None of them is the beginning of another.
        int[][] prompts = [Prompt(600), [.. Prompt(41).Skip(1)], [.. Prompt(8).Skip(7)]];
        float[][] Logits(int most, params int[][] together)
        {
            using var cache = new KvCache(policy.Spec, together.Length, Positions);
            using var results = new DecodeResults(policy, together.Length);
            using var pass = new PromptPass(session, policy, cache, first: 0, results, most);
            var step = pass.Run(together);
            return [.. Enumerable.Range(0, together.Length).Select(i => step.Logits(i).ToArray())];
        }

        var alone = prompts.Select(p => Logits(PromptPass.Most, p)[0]).ToArray();
        foreach (var most in new[] { 7, 256, 599 })
            CollectionAssert.AreEqual(alone[0], Logits(most, prompts[0])[0], $"{most}");
        // One run for all of them.
        var side = Logits(Positions, prompts);
        for (var i = 0; i < prompts.Length; i++)
            CollectionAssert.AreEqual(alone[i], side[i], $"prompt {i}");
    }

    // 8 rows of room: 3 x 100 <= 512; 6 x 100 are too many; a long one goes alone, whatever is behind it.
    [TestMethod]
    [DataRow("100 90 80", 8, 3)]
    [DataRow("100 90 80 70 60 50", 8, 5)]
    [DataRow("5 5 5 5", 2, 2)]
    [DataRow("64 64 64 64 64 64 64 64 64", 9, 8)] // 512 to the token
    [DataRow("", 8, 1)]
    [DataRow("4 300 2", 8, 1)]
    [DataRow("9000 2", 8, 1)]
    public void Together_Prompts_AreAsManyAsARunHolds(string lengths, int room, int count) =>
        Assert.AreEqual(count, PromptPass.Together(lengths.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse), room));

    [TestMethod]
    [DataRow(100, 8, 5, 100)]
    [DataRow(100, 4, 4, 100)]
    [DataRow(512, 8, 1, 512)]
    [DataRow(513, 8, 1, 512)]
    public void Largest_Run_HoldsAsManyPromptsAsTokensAllow(int longest, int room, int count, int tokens) =>
        Assert.AreEqual((count, tokens), PromptPass.Largest(longest, room));

    // A long one alone, then those that fit side by side, in turn.
    [TestMethod]
    public void NextPrompts_OfAJob_AreEachTakenOnce()
    {
        int[] lengths = [300, 5, 6, 7, 300, 2];
        DrawRequest request = new([.. lengths.Select(n => new int[n])], Samples: 1, Seed: 0, Step: 0);
        var job = new SamplerJob(request, new Rollout[6][], new(0, ""), progress: null);
        var taken = new int[8];
        List<string> turns = [];
        for (int count; (count = job.NextPrompts(8, taken)) > 0;)
            turns.Add(string.Join(" ", taken[..count]));
        CollectionAssert.AreEqual((string[])["0", "1 2 3", "4", "5"], turns);
        Assert.AreEqual(0, job.NextPrompts(8, taken));
        job = new SamplerJob(request, new Rollout[6][], new(0, ""), progress: null);
        Assert.AreEqual(1, job.NextPrompts(2, taken));
        Assert.AreEqual((2, 1, 2), (job.NextPrompts(2, taken), taken[0], taken[1]));
    }

    // More kinds of runs than are kept ready, and the first of them once more; pieces and neighbours as above, of a few tokens.
    [TestMethod]
    public void Run_ManyKindsOfRuns_GivesTheSameBits()
    {
        using var model = new TinyModel(positions: 80);
        using var policy = Policy.Load(model.Folder, 80);
        using var session = DecodeGraphs.Open(policy.Spec, KernelChoice.Fused, threads: 1);
        using var cache = new KvCache(policy.Spec, 3, 80);
        using var results = new DecodeResults(policy, 3);
        using var whole = new PromptPass(session, policy, cache, first: 0, results);
        using var pieces = new PromptPass(session, policy, cache, first: 1, results, most: 2);
        int[][] prompts = [Prompt(5), [7], [9, 2, 4]];
        var alone = prompts.Select(p => whole.Run([p]).Logits(0).ToArray()).ToArray();
        for (var length = 1; length <= 70; length++)
            whole.Run([Prompt(length)]);
        var side = whole.Run(prompts);
        for (var i = 0; i < 3; i++)
        {
            CollectionAssert.AreEqual(alone[i], side.Logits(i).ToArray(), $"prompt {i}");
            CollectionAssert.AreNotEqual(alone[i], alone[(i + 1) % 3]);
        }
        for (var i = 0; i < 3; i++)
            CollectionAssert.AreEqual(alone[i], pieces.Run([prompts[i]]).Logits(0).ToArray(), $"prompt {i} in pieces");
    }

    // Features of a vocabulary of 20,000 are 80 kB a rollout. Once they come back no draw makes any, and what a token more allocates is
    // what is handed over: an id, a log-prob, an entropy and a piece of text.
    [TestMethod]
    public void Draw_FeaturesThatCameBack_AllocatesNoneAndNothingAToken()
    {
        using var tiny = new TinyModel();
        using var small = Policy.Load(tiny.Folder, 64);
        var spec = small.Spec with { VocabularySize = 20_000, Layers = 1, EosTokens = [] };
        using var policy = Policy.Create(spec, 64, (p, w) =>
        {
            for (var i = 0; i < w.Length; i++)
                w[i] = p.Shape.Length == 1 ? 1 : ((((uint)i * 2654435761u) >> 20) / 65536f) - 0.03f;
        });
        var tokenizer = Tokenizer.Load(tiny.Folder);
        var buffers = new FeatureBuffers();
        (long Bytes, Rollout[] Drawn) Drawn(int tokens, bool pooled)
        {
            using var sampler = new Sampler(policy, tokenizer, new() { MaxNewTokens = tokens, MaxRows = 4 });
            DrawRequest request = new([[1, 2], [3]], Samples: 4, Seed: 2, Step: 0, WithFeatures: true);
            request = pooled ? request with { Buffers = buffers } : request;
            foreach (var rollout in sampler.Draw(request).SelectMany(r => r))
                buffers.Return(rollout.FeatureWeights!);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var drawn = sampler.Draw(request);
            return (GC.GetAllocatedBytesForCurrentThread() - before, [.. drawn.SelectMany(r => r)]);
        }

        var (bytes, rollouts) = Drawn(8, pooled: true);
        Assert.IsLessThan(20_000 * sizeof(float), bytes, "8 rollouts allocate less than one of their features takes");
        var fresh = Drawn(8, pooled: false);
        Assert.IsGreaterThan(8 * 20_000 * sizeof(float), fresh.Bytes);
        for (var i = 0; i < rollouts.Length; i++)
            CollectionAssert.AreEqual(fresh.Drawn[i].FeatureWeights, rollouts[i].FeatureWeights);
        foreach (var rollout in rollouts)
            buffers.Return(rollout.FeatureWeights!);
        var more = (Drawn(40, pooled: true).Bytes - bytes) / (8d * 32);
        Assert.IsLessThan(64, more, "bytes a token");
    }

    private static int[] Prompt(int length) => [.. Enumerable.Range(0, length).Select(i => ((5 * i) + (i / 7)) % 16)];
}
