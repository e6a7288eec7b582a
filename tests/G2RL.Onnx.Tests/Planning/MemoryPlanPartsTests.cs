using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>What a plan puts together, each part worked out by hand; what a graph takes is its own estimate.</summary>
[TestClass]
public sealed class MemoryPlanPartsTests
{
    private const int Layers = 2, Vocabulary = 1000, Hidden = 64, CacheHeads = 2, HeadWidth = 16;

    private static readonly DecoderSpec Spec = Architectures.Parse(
        $$"""
        {"architectures": ["Qwen3ForCausalLM"], "vocab_size": {{Vocabulary}}, "hidden_size": {{Hidden}}, "intermediate_size": 96,
         "num_hidden_layers": {{Layers}}, "num_attention_heads": 4, "num_key_value_heads": {{CacheHeads}}, "head_dim": {{HeadWidth}},
         "max_position_embeddings": 65536, "tie_word_embeddings": true, "eos_token_id": 1}
        """,
        "config.json");

    private static readonly long Weights = Spec.ParameterCount * sizeof(float);

    // 4 groups of 6, prompts of 10 and responses of 30 tokens, in two mini-batches.
    private static readonly RunConfig Config = new()
    {
        Sampling = new() { PromptsPerStep = 4, GroupSize = 6, MaxPromptTokens = 10, MaxNewTokens = 30 },
        Training = new() { MinibatchesPerBatch = 2, TokensPerMicrobatch = 100 },
        Evaluation = new() { Problems = 3, Samples = 5 },
        Execution = new() { Kernels = KernelChoice.Standard },
        Algorithm = new() { Name = "grpo", KlCoefficient = 0 },
    };

    // A row a case: what differs from Config, the micro-batch, its lanes of 2 threads, and the parts that are not 0.
    public static IEnumerable<object[]> Hosts()
    {
        // A mini-batch has 4 x 6 / 2 = 12 rows of 10 + 30 - 1 = 39 tokens: two fit 100, six times.
        MicrobatchShape plain = new(2, 39, 30, 6);
        // Of a group 10 + 6 x 29 = 184 tokens of which 180 are scored, twice: 368 tokens in pieces of 100, 100 x 180 / 184 = 97.8 scored.
        MicrobatchShape packed = new(1, 100, 98, 4);
        const long features = 24L * Vocabulary * sizeof(float);
        return
        [
            Case("as it is", c => c, plain, scores: true),
            Case("our kernels", c => c with { Execution = new() { Kernels = KernelChoice.Fused } }, packed, scores: true),
            // All 24 rows: 736 tokens, an eighth is less than 256, of which 256 x 180 / 184 = 250.4 are scored.
            Case("ours, one update", c => c with { Execution = new() { Kernels = KernelChoice.Fused }, Training = new() },
                new(1, 256, 251, 3), scores: false),
            Case("ours, not packed", c => c with
            {
                Execution = new() { Kernels = KernelChoice.Fused },
                Training = c.Training with { Packing = Packing.None },
            }, plain, scores: true),
            Case("rows of one token more than fit", c => c with { Training = c.Training with { TokensPerMicrobatch = 38 } },
                new(1, 39, 30, 12), scores: true),
            // 24 rows x 39 = 936 tokens, an eighth is less than 256: 6 rows.
            Case("one update", c => c with { Training = new() }, new(6, 39, 30, 4), scores: false),
            Case("one update, reference", c => c with { Training = new(), Algorithm = new() { Name = "grpo", KlCoefficient = 0.1 } },
                new(6, 39, 30, 4), scores: true, reference: Weights),
            Case("two epochs", c => c with { Training = new() { EpochsPerBatch = 2 } }, new(6, 39, 30, 4), scores: true),
            // 2 rows: one micro-batch and so one lane.
            Case("one micro-batch", c => c with { Sampling = c.Sampling with { PromptsPerStep = 1, GroupSize = 2 }, Training = new() },
                new(2, 39, 30, 1), scores: false, lanes: 1),
            Case("shards", c => c with { Training = c.Training with { GradientShards = 2 } }, plain, scores: true, gradients: 4),
            Case("lag", c => c with { Sampling = c.Sampling with { Lag = 3 } }, plain, scores: true, copies: 5),
            Case("moments of a byte", c => c with { Training = c.Training with { Optimizer = new() { Moments = MomentStorage.Int8 } } },
                plain, scores: true, momentBits: 17),
            // 24 rollouts keep a number for each token of the vocabulary, and a product takes as much again.
            Case("gradient features", c => c with { Algorithm = c.Algorithm with { Name = "g2rl" } }, plain, scores: true,
                features: 2 * features),
            Case("hidden features", c => c with { Algorithm = c.Algorithm with { Name = "g2rl-hidden" } }, plain, scores: true,
                features: 24L * Hidden * sizeof(float)),
            // 96 rows x 39 = 3,744 tokens, of which an eighth is 468: 12 rows.
            Case("many rows", c => c with
            {
                Sampling = c.Sampling with { PromptsPerStep = 16 },
                Training = new() { TokensPerMicrobatch = 1000 },
            }, new(12, 39, 30, 8), scores: false),
            // A mini-batch is one group, and less than the 256 tokens that are not divided.
            Case("ours, one micro-batch", c => c with
            {
                Execution = new() { Kernels = KernelChoice.Fused },
                Sampling = c.Sampling with { PromptsPerStep = 2 },
                Training = c.Training with { TokensPerMicrobatch = 1000 },
            }, new(1, 184, 180, 1), scores: true, lanes: 1),
            // A narrow cache is read by operators of ours alone; evaluations have float32 whatever sampling has, and so the standard ones.
            Case("narrow cache", c => c with
            {
                Algorithm = c.Algorithm with { Name = "remax" },
                Execution = new(),
                Training = c.Training with { Packing = Packing.None },
                Sampling = c.Sampling with { CacheType = CacheType.BFloat16 },
            }, plain, scores: true, greedy: 4),
            Case("greedy responses", c => c with { Algorithm = c.Algorithm with { Name = "remax" } }, plain, scores: true, greedy: 4),
        ];

        object[] Case(
            string name,
            Func<RunConfig, RunConfig> change,
            MicrobatchShape micro,
            bool scores,
            int lanes = 2,
            int gradients = 3,
            int copies = 0,
            int momentBits = 64,
            long reference = 0,
            long features = 0,
            int greedy = 0) =>
            [name, new Host(change(Config), micro, scores, lanes, gradients, copies, momentBits, reference, features, greedy)];
    }

    [TestMethod]
    [DynamicData(nameof(Hosts))]
    public void Of_EachCase_IsTheSumOfItsParts(string name, object expected)
    {
        var (config, micro, scores, lanes, gradients, copies, momentBits, reference, features, greedy) = (Host)expected;
        var rollouts = config.Sampling.PromptsPerStep * config.Sampling.GroupSize;
        // Two lanes of half the rows each, two at least, and a prompt's slot in each.
        List<(string Phase, int Rows)> samplers = [("sampling", Math.Max(2, (rollouts + 1) / 2))];
        if (greedy > 0)
            samplers.Add(("greedy responses", greedy / 2));
        samplers.Add(("evaluations", 8));
        var memory = MemoryChoice.Training(Spec, config.Training.TokensPerMicrobatch, 40, recompute: false, config.Execution.Kernels) with
        {
            Packed = micro.Rows == 1 && micro.Width > 39,
        };
        var training = MemoryEstimate.Training(Spec, memory, micro, 40, new(lanes, 1));
        var scoring = scores ? MemoryEstimate.Scoring(Spec, micro, 40, new(lanes, 1), config.Execution.Kernels) : default;
        var sessions = samplers.Aggregate(
            SessionBytes.InTurn(scoring, training),
            (sum, s) => SessionBytes.InTurn(
                sum,
                MemoryEstimate.Decoding(Spec, 40, (1, 10), s.Rows, new(2, 1), config.Execution.Kernels, Cache(s.Phase))));
        MemoryUse[] uses =
        [
            new("process", 140L << 20),
            new("sessions", sessions.Own),
            new("weights", Weights + Rotary(40)),
            new("optimizer moments", Spec.ParameterCount * momentBits / 8),
            new("weights in the training session", 0),
            new("reference policy", reference),
            new("copies of weights that draw", copies * Weights),
            new("features of rollouts", features),
            .. samplers.Select(s => new MemoryUse($"logits of {s.Phase}", 2 * (s.Rows + 3) * (Vocabulary + Hidden) * sizeof(float))),
            .. samplers.Select(s => new MemoryUse($"key/value cache of {s.Phase}", 2 * (s.Rows + 1) * CacheRow(40, Cache(s.Phase).Size()))),
            new("gradients", gradients * Weights),
            new("tensors of the sessions at work", sessions.Tensors),
        ];
        var plan = MemoryPlan.Of(config, Spec, threads: 2);
        Assert.AreEqual(string.Join('\n', uses.AsEnumerable()), string.Join('\n', plan.Uses), name);
        Assert.AreEqual(uses.Sum(u => u.Bytes), plan.Total);

        ElementType Cache(string phase) =>
            phase != "evaluations" && config.Sampling.CacheType == CacheType.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;
    }

    // 67 million weights: what a phase took it gives back, but the logits of samplers that draw again in every step.
    [TestMethod]
    public void Of_LargeModel_IsWhatStaysAndTheLargestPhase()
    {
        if (!Pages.CanRelease)
            Assert.Inconclusive("needs pages that can be given back");
        var config = Config with { Algorithm = Config.Algorithm with { Name = "remax" } };
        var plan = MemoryPlan.Of(config, Spec with { VocabularySize = 65_536, HiddenSize = 1024 }, threads: 2);
        string[] expected =
        [
            "process: ", "sessions: ", "weights: ", "optimizer moments: ", "weights in the training session: ", "reference policy: ",
            "copies of weights that draw: ", "features of rollouts: ",
            "logits of sampling: ", "logits of greedy responses: ", "logits of evaluations: evaluations",
            "key/value cache of sampling: sampling", "key/value cache of greedy responses: greedy responses",
            "key/value cache of evaluations: evaluations",
            "gradients: training",
            "tensors of sampling: sampling", "tensors of greedy responses: greedy responses", "tensors of evaluations: evaluations",
            "tensors of scoring and training: training",
        ];
        CollectionAssert.AreEqual(expected, plan.Uses.Select(u => $"{u.Purpose}: {u.While}").ToArray());
        foreach (var use in plan.Uses.Where(u => u.While.Length > 0))
            Assert.IsGreaterThan(0, use.Bytes, use.Purpose);
        long At(string phase) => plan.Uses.Where(u => u.While == phase).Sum(u => u.Bytes);
        Assert.AreEqual(At("") + new[] { "sampling", "greedy responses", "evaluations", "training" }.Max(At), plan.Total);
    }

    [TestMethod]
    public void Of_SamplerThatIsThere_HoldsItsCache() => Assert.AreEqual(
        777,
        MemoryPlan.Of(Config, Spec, threads: 2, new SamplerPlan(1, 3, 777))
            .Uses.Single(u => u.Purpose == "key/value cache of sampling").Bytes);

    // A row of 40 positions takes 20 KiB: 51 fit a mebibyte, of which each of two lanes has 25, one of them for prompts.
    [TestMethod]
    public void Of_CacheWithABudget_HoldsTheRowsThatFit()
    {
        var sampling = Config.Sampling with { PromptsPerStep = 20, CacheBudgetMiB = 1 };
        Assert.AreEqual(
            2 * 25 * CacheRow(40, sizeof(float)),
            MemoryPlan.Of(Config with { Sampling = sampling }, Spec, threads: 2)
                .Uses.Single(u => u.Purpose == "key/value cache of sampling").Bytes);
    }

    // Fresh adapters do nothing yet, so that the reference is the model without them; adapters that have learned are held once more.
    [TestMethod]
    [DataRow("", false)]
    [DataRow("runs/old/adapter", true)]
    public void Of_ReferenceOfAdapters_IsHeldWhereTheyWereRead(string path, bool held)
    {
        var spec = Spec with { Adapter = new() { Rank = 4, Alpha = 8, Targets = ["all-linear"] } };
        var config = Config with
        {
            Algorithm = new() { Name = "grpo", KlCoefficient = 0.1 },
            Adapter = new() { Type = AdapterKind.Lora, Path = path },
        };
        var plan = MemoryPlan.Of(config, spec, threads: 2);
        // Rank 4 x inputs and outputs of a layer's projections: 64 + 64, 64 + 32 twice, 64 + 64, 64 + 96 three times; two layers.
        Assert.AreEqual(
            held ? 2 * 4 * (128 + 96 + 96 + 128 + (3 * 160)) * sizeof(float) : 0,
            plan.Uses.Single(u => u.Purpose == "reference policy").Bytes);
    }

    // What is given back after its phase counts only where it is the most.
    [TestMethod]
    public void Total_OfPhases_IsWhatStaysAndTheLargest()
    {
        Assert.AreEqual(0, new MemoryPlan([]).Total);
        Assert.AreEqual(3, new MemoryPlan([new("a", 1), new("b", 2)]).Total);
        Assert.AreEqual(1 + 9, new MemoryPlan([new("a", 1), new("b", 4, "x"), new("c", 5, "x"), new("d", 8, "y")]).Total);
    }

    [TestMethod]
    public void Of_GradientsByTheTrainingApi_HoldsTheWeightsTwiceMore()
    {
        var plan = MemoryPlan.Of(Config with { Execution = Config.Execution with { Gradients = "ortTraining" } }, Spec, threads: 2);
        Assert.AreEqual(2 * Weights, plan.Uses.Single(u => u.Purpose == "weights in the training session").Bytes);
        // Packing is our graph's: rows as without it.
        var packing = Config with { Execution = new() { Kernels = KernelChoice.Fused, Gradients = "ortTraining" } };
        Assert.AreEqual(
            string.Join('\n', MemoryPlan.Of(
                packing with { Training = packing.Training with { Packing = Packing.None } }, Spec, threads: 2).Uses),
            string.Join('\n', MemoryPlan.Of(packing, Spec, threads: 2).Uses));
    }

    // 256 rollouts of 12,000 tokens: rows of the cache, of 5.9 MiB in float32, are as many as half of what is free holds, to the byte.
    [TestMethod]
    [DataRow(ElementType.Float32)]
    [DataRow(ElementType.Float16)]
    public void OfDevice_LittleMemory_LeavesHalfOfWhatIsFreeToTheCache(ElementType type)
    {
        const int positions = 12_000;
        var config = Long() with { Algorithm = new() { Name = "grpo", KlCoefficient = 0.1 } };
        long[] held = [Weights + Rotary(positions), 2 * Weights, 0, Weights];
        var (narrow, row) = (type == ElementType.Float32 ? 0 : Weights / 2, CacheRow(positions, type.Size()));
        var bytes = held.Sum() + narrow + Weights + (2 * 100 * row);
        var plan = MemoryPlan.OfDevice(config, Spec, type, bytes);
        Assert.AreEqual(100 * row, Cache(plan));
        Assert.IsLessThan(100 * row, Cache(MemoryPlan.OfDevice(config, Spec, type, bytes - 2)));
        Assert.AreEqual(100 * row, Cache(MemoryPlan.OfFollower(config, Spec, type, bytes - (3 * Weights))));
        Assert.IsLessThan(100 * row, Cache(MemoryPlan.OfFollower(config, Spec, type, bytes - (3 * Weights) - 2)));
        // Rows have their full length in float32: 99 and a prompt's. Else all begin with a block of 256, beside eight prompts.
        var (rows, slots) = type == ElementType.Float32 ? (99, 1) : (256, 8);
        Assert.AreEqual(
            MemoryEstimate.DeviceDecoding(Spec, type, positions, 3_000, rows, slots),
            plan.Uses.Single(u => u.Purpose == "decoding, logits included").Bytes);

        static long Cache(MemoryPlan plan) => plan.Uses.Single(u => u.Purpose == "key/value cache of sampling").Bytes;
    }

    // A micro-batch is halved as soon as four fifths of what is left do not hold the activations.
    [TestMethod]
    public void OfDevice_EachPart_IsCountedBeforeActivationsGetLess()
    {
        var config = Config with
        {
            Algorithm = new() { Name = "g2rl", KlCoefficient = 0.1 },
            Sampling = Config.Sampling with { CacheBudgetMiB = 8 },
        };
        var memory = MemoryChoice.Device(Spec, 100, 40, recompute: false);
        var needed = MemoryEstimate.DeviceActivations(Spec, memory, new(2, 40, 40, 1), 40, ElementType.Float32);
        var left = (needed + 3) / 4 * 5;
        // 24 rows, and slots for eight prompts.
        var cache = 32 * CacheRow(40, sizeof(float));
        var decoding = MemoryEstimate.DeviceDecoding(Spec, ElementType.Float32, 40, 10, 24, 8);
        var features = 2L * 24 * Vocabulary * sizeof(float);
        MemoryUse[] uses =
        [
            new("weights", Weights + Rotary(40)),
            new("optimizer moments", 2 * Weights),
            new("weights in the training session", 0),
            new("reference policy", Weights),
            new("weights, narrow copy", 0),
            new("gradients", Weights),
            new("key/value cache of sampling", cache),
            new("decoding, logits included", decoding),
            new("features of rollouts", features),
        ];
        var fits = MemoryPlan.OfDevice(config, Spec, ElementType.Float32, uses.Sum(u => u.Bytes) + left);
        MemoryUse Activations(string more, GraphMemory graph, MicrobatchShape micro) => new(
            $"activations of a micro-batch{more}", MemoryEstimate.DeviceActivations(Spec, graph, micro, 40, ElementType.Float32));
        Assert.AreEqual(string.Join('\n', [.. uses, Activations("", memory, new(2, 39, 30, 6))]), string.Join('\n', fits.Uses));
        var tight = MemoryPlan.OfDevice(config, Spec, ElementType.Float32, uses.Sum(u => u.Bytes) + left - 5);
        Assert.AreEqual(
            string.Join('\n', [.. uses, Activations(" of 50 tokens", memory, new(1, 39, 30, 12))]), string.Join('\n', tight.Uses));
        var asked = MemoryPlan.OfDevice(
            config with { Training = config.Training with { Recompute = Recomputation.Layers } },
            Spec,
            ElementType.Float32,
            1L << 30);
        Assert.AreEqual(
            Activations(", layers recomputed", memory with { Recompute = true }, new(2, 39, 30, 6)), asked.Uses[^1]);
    }

    // All twelve rows of a mini-batch: no limit of an eighth or of 256 tokens, as several threads of a host want it.
    // Nor are rows packed where our kernels are not asked for by name, whatever the host would do.
    [TestMethod]
    [DataRow(KernelChoice.Standard)]
    [DataRow(KernelChoice.Auto)]
    public void OfDevice_MicrobatchOfAllRows_IsOne(KernelChoice kernels)
    {
        var config = Config with
        {
            Training = Config.Training with { TokensPerMicrobatch = 480 },
            Execution = new() { Kernels = kernels },
        };
        Assert.AreEqual(
            new MemoryUse(
                "activations of a micro-batch",
                MemoryEstimate.DeviceActivations(
                    Spec, MemoryChoice.Device(Spec, 480, 40, recompute: false, kernels), new(12, 39, 30, 1), 40, ElementType.Float32)),
            MemoryPlan.OfDevice(config, Spec, ElementType.Float32, 1L << 30).Uses[^1]);
    }

    // So are packed rows: two groups of 184 tokens, 360 of which are scored, where our kernels are asked for.
    [TestMethod]
    public void OfDevice_PackedRows_AreOneMicrobatch()
    {
        var config = Config with
        {
            Training = Config.Training with { TokensPerMicrobatch = 480 },
            Execution = new() { Kernels = KernelChoice.Fused },
        };
        var memory = MemoryChoice.Device(Spec, 480, 40, recompute: false, KernelChoice.Fused) with { Packed = true };
        Assert.AreEqual(
            new MemoryUse(
                "activations of a micro-batch",
                MemoryEstimate.DeviceActivations(Spec, memory, new(1, 368, 360, 1), 40, ElementType.Float32)),
            MemoryPlan.OfDevice(config, Spec, ElementType.Float32, 1L << 30).Uses[^1]);
    }

    // A micro-batch of one row is not divided: its layers are computed again where they do not fit.
    [TestMethod]
    [DataRow(1L << 30, false)]
    [DataRow(0, true)]
    public void DeviceTraining_OneRow_RecomputesToFit(long left, bool recomputes)
    {
        var config = Config with { Training = Config.Training with { TokensPerMicrobatch = 40 } };
        var (graph, tokens) = MemoryPlan.DeviceTraining(config, Spec, 40, ElementType.Float32, left);
        Assert.AreEqual((recomputes, 40), (graph.Recompute, tokens));
    }

    // Four groups among three devices: two of 6 rollouts on the fullest, eight prompts beside them; features are shared out.
    [TestMethod]
    public void OfFollower_Always_DrawsItsShareAndHoldsNoMoments()
    {
        var config = Config with
        {
            Algorithm = new() { Name = "g2rl", KlCoefficient = 0.1 },
            Execution = new() { Device = "cuda", Devices = ["cuda:0", "cuda:1", "cuda:2"] },
        };
        var plan = MemoryPlan.OfFollower(config, Spec, ElementType.Float16, 1L << 30);
        MemoryUse[] uses =
        [
            new("weights", Weights + Rotary(40)),
            new("weights in the training session", 0),
            new("reference policy", Weights),
            new("weights, narrow copy", Weights / 2),
            new("key/value cache of sampling", (12 + 8) * CacheRow(40, 2)),
            new("decoding, logits included", MemoryEstimate.DeviceDecoding(Spec, ElementType.Float16, 40, 10, 12, 8)),
            new("features of rollouts", 2L * 24 * Vocabulary * sizeof(float) / 3),
        ];
        Assert.AreEqual(string.Join('\n', uses.AsEnumerable()), string.Join('\n', plan.Uses));
    }

    // Three groups among three devices: one of 6 rollouts each, and eight prompts.
    [TestMethod]
    public void OfFollower_AsManyGroupsAsDevices_DrawsOne()
    {
        var config = Config with
        {
            Sampling = Config.Sampling with { PromptsPerStep = 3 },
            Execution = new() { Device = "cuda", Devices = ["cuda:0", "cuda:1", "cuda:2"] },
        };
        Assert.AreEqual(
            (6 + 8) * CacheRow(40, sizeof(float)),
            MemoryPlan.OfFollower(config, Spec, ElementType.Float32, 1L << 30)
                .Uses.Single(u => u.Purpose == "key/value cache of sampling").Bytes);
    }

    // Powers of two times the longest row, up to all rows of a mini-batch: 40, 80, 160, 320, 480 tokens.
    [TestMethod]
    [DataRow(0, 0)]
    [DataRow(39, 0)]
    [DataRow(40, 40)]
    [DataRow(79, 40)]
    [DataRow(160, 160)]
    [DataRow(479, 320)]
    [DataRow(480, 480)]
    [DataRow(5000, 480)]
    public void LargestMicrobatch_OfAPlanOfItsTokens_IsTheLastThatFits(int bytes, int tokens) =>
        Assert.AreEqual(tokens, MemoryFit.LargestMicrobatch(Config, bytes, c => new([new("tokens", c.Training.TokensPerMicrobatch)])));

    // No more tokens than an int holds: 2^20 rows of 2,040.
    [TestMethod]
    public void LargestMicrobatch_OfManyLongRows_StaysAnInt()
    {
        var config = new RunConfig
        {
            Sampling = new() { PromptsPerStep = 1 << 20, GroupSize = 16, MaxPromptTokens = 1000, MaxNewTokens = 1040 },
        };
        Assert.AreEqual((1 << 20) * 2040, MemoryFit.LargestMicrobatch(config, long.MaxValue, _ => new([])));
        // A row of 2^10 tokens, 2^21 times: one token too many.
        config = config with { Sampling = config.Sampling with { MaxNewTokens = 24 } };
        Assert.AreEqual(1 << 30, MemoryFit.LargestMicrobatch(config, long.MaxValue, _ => new([])));
    }

    // A prompt of 10, then steps of 1,024 of 65,536 positions, 63 at most; the cache has three rows and rounds up.
    [TestMethod]
    [DataRow(1033, 0)]
    [DataRow(1034, 1034)]
    [DataRow(10_249, 9 * 1024 + 10)]
    [DataRow(10_250, 10_250)]
    [DataRow(int.MaxValue, 63 * 1024 + 10)]
    public void LongestSequence_OfAPlanOfItsTokens_IsTheLongestThatFits(int bytes, int length)
    {
        Assert.AreEqual(length, MemoryFit.LongestSequence(Config, bytes, 65_536, n => 1000L * n, Plan));

        static MemoryPlan Plan(RunConfig c)
        {
            var tokens = c.Training.TokensPerMicrobatch;
            Assert.AreEqual(tokens, 10 + c.Sampling.MaxNewTokens);
            Assert.AreEqual((3000L * tokens / 1048576) + 1, c.Sampling.CacheBudgetMiB);
            return new([new("tokens", tokens)]);
        }
    }

    [TestMethod]
    public void LongestSequence_ModelShorterThanAStep_IsNone() =>
        Assert.AreEqual(0, MemoryFit.LongestSequence(Config, long.MaxValue, 1000, n => n, _ => new([])));

    private static RunConfig Long() => Config with
    {
        Sampling = new() { PromptsPerStep = 4, GroupSize = 64, MaxPromptTokens = 3_000, MaxNewTokens = 9_000 },
        Training = Config.Training with { Recompute = Recomputation.None },
    };

    // Keys and values of a row.
    private static long CacheRow(long positions, int bytes) => 2L * Layers * CacheHeads * HeadWidth * positions * bytes;

    private static long Rotary(long positions) => RotaryTable.Of(Spec).Sum(t => positions * t.Width * sizeof(float));

    private sealed record Host(
        RunConfig Config,
        MicrobatchShape Micro,
        bool Scores,
        int Lanes,
        int Gradients,
        int Copies,
        int MomentBits,
        long Reference,
        long Features,
        int Greedy);
}
