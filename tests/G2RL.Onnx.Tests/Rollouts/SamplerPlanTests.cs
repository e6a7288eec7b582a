using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class SamplerPlanTests
{
    // Qwen3-1.7B: 28 layers, 8 key/value heads of 128; a position takes 2 x 28 x 8 x 128 = 57,344 numbers.
    private static readonly DecoderSpec Spec = Architectures.Parse(
        """
        {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28,
         "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 32768, "tie_word_embeddings": true,
         "eos_token_id": 1}
        """,
        "config.json");

    [TestMethod]
    [DataRow(4, 229_376L)]
    [DataRow(2, 114_688L)]
    public void BytesPerRow_CountsTheCachesOwnType(int elementBytes, long perPosition) =>
        Assert.AreEqual(8192 * perPosition, KvCache.BytesPerRow(Spec, 8192, elementBytes));

    // 40 GiB to spare: half of it holds 21 rows of 8,192 positions in bfloat16 (896 MiB each) and the prompt's, and 10 in float32.
    [TestMethod]
    [DataRow(2, 21)]
    [DataRow(4, 10)]
    public void For_NoBudgetSet_TakesWhatTheDeviceHasToSpare(int elementBytes, int rows)
    {
        var memory = new CacheMemory(elementBytes, 40L << 30, 20L << 30);
        var plan = SamplerPlan.For(Spec, 8192, new SamplerSettings(), memory);
        Assert.AreEqual((1, rows), (plan.Threads, plan.RowsPerThread));
        Assert.IsLessThanOrEqualTo(memory.FairBytes, plan.CacheBytes);
    }

    // The same 20 GiB in blocks of 256 positions, 28 MiB a row: a 57th is kept free for copies, 2 prompts (an eighth of 22 rows) have a row
    // each, and 256 rows begin where 21 did. 700 rows would, where so many are asked for: 20 GiB x 56 / 57 / 28 MiB = 718.
    [TestMethod]
    [DataRow(256, 256)]
    [DataRow(700, 700)]
    [DataRow(2000, 716)]
    public void For_RowsThatGrow_BeginsWithManyMore(int maxRows, int rows)
    {
        var memory = new CacheMemory(2, 40L << 30, 20L << 30) { Block = 256 };
        var plan = SamplerPlan.For(Spec, 8192, new SamplerSettings { MaxRows = maxRows }, memory);
        Assert.AreEqual((rows, 2, 256), (plan.RowsPerThread, plan.PromptSlots, plan.Block));
        Assert.IsLessThanOrEqualTo(memory.FairBytes, plan.CacheBytes);
        Assert.IsGreaterThan(memory.FairBytes - (1 << 20), plan.CacheBytes);
    }

    // 16 rows of 8,192 positions and the prompts' fit: none grows, and what is left holds prompts, 8 at most.
    [TestMethod]
    [DataRow(16, 6)]
    [DataRow(4, 8)]
    public void For_AllRowsAtFullLength_AreNotGrown(int maxRows, int prompts)
    {
        var memory = new CacheMemory(2, 40L << 30, 20L << 30) { Block = 256 };
        var plan = SamplerPlan.For(Spec, 8192, new SamplerSettings { MaxRows = maxRows }, memory);
        Assert.AreEqual((maxRows, prompts, 0), (plan.RowsPerThread, plan.PromptSlots, plan.Block));
        Assert.AreEqual((maxRows + prompts) * 8192L * 114_688, plan.CacheBytes);
    }

    // A row of 8,192 positions in bfloat16 takes 896 MiB, one block of it 28.
    [TestMethod]
    [DataRow(16, 16, 16, 1, 256, 16)] // as many as rows, but none is left for a prompt
    [DataRow(17, 16, 16, 1, 0, 17)]
    [DataRow(3, 16, 2, 1, 0, 3)] // 3 x 56 / 57 hold no three rows
    [DataRow(4, 256, 124, 1, 256, 4)] // 4 x 32 x 56 / 57 blocks, a prompt less
    public void For_RowsOnADevice_GrowWhereTheyDoNotFit(int fitting, int most, int rows, int prompts, int block, int held)
    {
        const long Row = 8192L * 114_688;
        var settings = new SamplerSettings { MaxRows = most, CacheBudgetBytes = fitting * Row };
        var plan = SamplerPlan.For(Spec, 8192, settings, new(2, 0, 0) { Block = 256 });
        Assert.AreEqual((rows, prompts, block), (plan.RowsPerThread, plan.PromptSlots, plan.Block));
        // A growing cache is divided into 57 equal buffers.
        Assert.IsInRange((held * Row) - 57, held * Row, plan.CacheBytes);
    }

    [TestMethod]
    public void For_RowsOfOneBlock_HaveTheirFullLength() => Assert.AreEqual(
        new SamplerPlan(1, 9, 10 * 256L * 114_688),
        SamplerPlan.For(Spec, 256, new() { CacheBudgetBytes = 10 * 256L * 114_688 }, new(2, 0, 0) { Block = 256 }));

    // A row of 64 positions takes 14 MiB. A large model gives its cache back between draws and takes twice the fair share, where the number
    // of rows changes no bits; else what is always there, 256 MiB.
    [TestMethod]
    [DataRow(KernelChoice.Fused, 256, 39, 1)]
    [DataRow(KernelChoice.Fused, 4, 4, 8)]
    [DataRow(KernelChoice.Standard, 256, 17, 1)]
    [DataRow(KernelChoice.Standard, 4, 4, 1)]
    public void For_LargeModelOnTheHost_TakesTwiceTheFairShareWhereNoBitsAreAtStake(KernelChoice kernels, int most, int rows, int prompts)
    {
        const long Row = 64L * 229_376;
        var plan = SamplerPlan.For(Spec, 64, new() { MaxRows = most, Kernels = kernels }, new(4, 0, 20 * Row) { IsHost = true });
        var expected = new SamplerPlan(1, rows, (rows + prompts) * Row) { PromptSlots = prompts, IsReleased = true };
        Assert.AreEqual(expected, plan);
        var small = Spec with { VocabularySize = 512, HiddenSize = 64, Layers = 14 };
        Assert.AreEqual(39, SamplerPlan.For(small, 64, new() { Kernels = kernels }, new(4, 0, 20 * Row) { IsHost = true }).RowsPerThread);
    }

    // The three rows without which nothing decodes may take more than the fair share.
    [TestMethod]
    public void For_LittleToSpare_StillDecodes() =>
        Assert.AreEqual(2, SamplerPlan.For(Spec, 8192, new SamplerSettings(), new(4, 6L << 30, 1L << 30)).RowsPerThread);

    [TestMethod]
    public void For_NotEvenThreeRows_SaysWhatThreeTake()
    {
        var message = Assert.ThrowsExactly<InputException>(() =>
            SamplerPlan.For(Spec, 8192, new SamplerSettings(), new(4, 5L << 30, 1L << 30))).Message;
        StringAssert.StartsWith(message, "sampling.cacheBudgetMiB is 0, which gives 5120 here; one row of 8192 tokens takes 1792 MiB");
        StringAssert.Contains(message, "Raise the budget to 5377");
    }

    // 2^31 / 151,936 = 14,134.1: one row more and ONNX Runtime's indices overflow.
    [TestMethod]
    public void For_MoreLogitsThanIndicesOf32Bits_IsRefusedByName()
    {
        var memory = new CacheMemory(2, 40L << 30, 20L << 30);
        SamplerPlan.For(Spec, 64, new SamplerSettings { MaxRows = 14_134 }, memory);
        var message =
            Assert.ThrowsExactly<InputException>(() => SamplerPlan.For(Spec, 64, new SamplerSettings { MaxRows = 14_135 }, memory)).Message;
        StringAssert.StartsWith(message, "sampling.maxRows is 14135; the logits of a decode step would have 14135 x 151936 numbers");
        StringAssert.Contains(message, "at most 14134");
    }

    // 1.7 billion weights: all threads read them together, and a row that is always alone is multiplied alone.
    [TestMethod]
    [DataRow(64, 64)]
    [DataRow(2, 2)]
    [DataRow(1, 1)]
    public void For_LargeModelOnTheHost_HasOneLaneOfAllThreads(int maxRows, int rows)
    {
        var plan = SamplerPlan.For(Spec, 64, new SamplerSettings { Threads = 2, MaxRows = maxRows, CacheBudgetBytes = 4L << 30 });
        Assert.AreEqual((1, 2, rows), (plan.Threads, plan.ThreadsEach, plan.RowsPerThread));
    }

    [TestMethod]
    public void For_SmallModelOnTheHost_HasALaneAThread()
    {
        var plan = SamplerPlan.For(Spec with { VocabularySize = 512, HiddenSize = 64, Layers = 2 }, 64, new() { Threads = 2, MaxRows = 1 });
        Assert.AreEqual((2, 1, 2), (plan.Threads, plan.ThreadsEach, plan.RowsPerThread));
    }

    // A model that counts as large by its vocabulary: rows alone and together, by one thread and two, draw the same tokens, and a full
    // forward pass agrees with their log-probs.
    [TestMethod]
    public void Draw_LargeModel_AgreesWithAFullForwardPass()
    {
        using var tiny = new TinyModel();
        var spec = Spec with { VocabularySize = 140_000, HiddenSize = 240, IntermediateSize = 256, Layers = 1, EosTokens = [] };
        using var policy = Policy.Create(spec, 32, (p, w) =>
        {
            for (var i = 0; i < w.Length; i++)
                w[i] = p.Shape.Length == 1 ? 1 : ((((uint)i * 2654435761u) >> 20) / 65536f) - 0.03f;
        });
        var tokenizer = Tokenizer.Load(tiny.Folder);
        using var scorer = new Scorer(spec, threads: 2);
        var request = new DrawRequest([[5, 6, 7], [9, 1]], Samples: 2, Seed: 1, Step: 0);
        Rollout[]? first = null;
        foreach (var (threads, rows) in new[] { (2, 1), (1, 1), (2, 4), (1, 3) })
        {
            using var sampler = new Sampler(policy, tokenizer, new SamplerSettings { Threads = threads, MaxRows = rows, MaxNewTokens = 6 });
            var drawn = sampler.Draw(request).SelectMany(r => r).ToArray();
            var scores = scorer.Score(policy, [.. drawn.Select(r => new Sequence(r.PromptTokens, r.Tokens))], 1, 64);
            foreach (var (rollout, score) in drawn.Zip(scores))
                for (var t = 0; t < rollout.Tokens.Length; t++)
                    Assert.AreEqual(score.LogProbs[t], rollout.LogProbs[t], Tolerances.LogProbs);
            first ??= drawn;
            for (var i = 0; i < drawn.Length; i++)
            {
                CollectionAssert.AreEqual(first[i].Tokens, drawn[i].Tokens);
                // Operators of ours give a row the same bits whatever is beside it.
                if (DecodeGraphs.UsesOurs(spec, KernelChoice.Auto))
                    CollectionAssert.AreEqual(first[i].LogProbs, drawn[i].LogProbs);
            }
        }
    }
}
