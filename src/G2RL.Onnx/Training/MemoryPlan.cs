using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Training.Optimizers;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Training;

/// <summary>Memory that a run holds for a purpose.</summary>
/// <param name="Purpose">What for.</param>
/// <param name="Bytes">How much.</param>
/// <param name="While">The phase that holds it and gives it back; "" where it stays.</param>
public sealed record MemoryUse(string Purpose, long Bytes, string While = "");

/// <summary>
/// The memory that a run will hold, by purpose, from its configuration and the model's description alone: no weights are read. Tensors of
/// sessions are those of the run's own graphs, at the places where a run lays them; what a process is beside them is measured
/// (docs/performance.md).
/// </summary>
/// <param name="Uses">What is held.</param>
public sealed record MemoryPlan(IReadOnlyList<MemoryUse> Uses)
{
    private const string Evaluations = "evaluations";

    // Libraries that were mapped, compiled code, the managed heap and small objects, measured on the smallest model.
    private const long ProcessBytes = 140L << 20;

    /// <summary>The most at once: what stays, and the phase that takes most.</summary>
    public long Total => Uses.Where(u => u.While.Length == 0).Sum(u => u.Bytes)
        + Uses.Where(u => u.While.Length > 0).GroupBy(u => u.While).Select(g => g.Sum(u => u.Bytes)).DefaultIfEmpty(0).Max();

    private const string Moments = "optimizer moments";

    /// <summary>The plan on the host.</summary>
    /// <param name="config">The run.</param>
    /// <param name="spec">The model, adapters and storage included.</param>
    /// <param name="threads">Threads, >= 1.</param>
    /// <param name="sampling">Rows and cache of the sampler; null asks for those that it would have.</param>
    public static MemoryPlan Of(RunConfig config, DecoderSpec spec, int threads, SamplerPlan? sampling = null) =>
        Of(config, spec, threads, sampling, longestPrompt: null);

    /// <summary>The same where the prompts are known, in tokens: a row's cache takes memory as far as it is written.</summary>
    internal static MemoryPlan Of(RunConfig config, DecoderSpec spec, int threads, SamplerPlan? sampling, int? longestPrompt)
    {
        var positions = config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens;
        SamplerPlan Rows(long rollouts, CacheType type) =>
            SamplerPlan.For(spec, positions, Settings(config, threads, rollouts) with { CacheType = type });
        var narrow = config.Sampling.CacheType;
        sampling ??= Rows(config.Sampling.PromptsPerStep * config.Sampling.GroupSize, narrow);
        var greedy = AlgorithmTable.All[config.Algorithm.Name].Greedy ? Rows(config.Sampling.PromptsPerStep, narrow) : null;
        var evaluating = Rows(config.Evaluation.Problems * config.Evaluation.Draws, CacheType.Float32);
        SessionBytes Decoding(SamplerPlan plan, CacheType type) => MemoryEstimate.Decoding(
            spec,
            positions,
            PromptPass.Largest(config.Sampling.MaxPromptTokens, plan.PromptSlots),
            plan.RowsPerThread,
            new(plan.Threads, plan.ThreadsEach),
            config.Execution.Kernels,
            type.Element());
        var micro = Microbatch(config, spec);
        var lanes = Lanes.For(spec, threads) is var all && all.Count > micro.Count ? all with { Count = micro.Count } : all;
        var memory = PolicyOptimizers.Memory(spec, positions, config, threads);
        var scoring = ScoringPass.IsNeeded(config) || config.Algorithm.KlCoefficient > 0
            ? MemoryEstimate.Scoring(spec, micro, positions, lanes, config.Execution.Kernels)
            : default;
        var training = MemoryEstimate.Training(spec, memory, micro, positions, lanes);
        var beside = GradientAccumulator.Scratch(spec, threads);
        var learning = SessionBytes.InTurn(scoring, training);
        var samplers = new (SamplerPlan? Plan, string Phase)[]
        {
            (sampling, "sampling"),
            (greedy, "greedy responses"),
            (evaluating, Evaluations),
        }.Where(s => s.Plan is not null)
            .Select(s => (Plan: s.Plan!, s.Phase, Session: Decoding(s.Plan!, s.Phase == Evaluations ? CacheType.Float32 : narrow)))
            .ToArray();
        // A large model's phases give back what they took; a small one's keep it.
        var inTurn = sampling.IsReleased && Pages.CanRelease;
        string Phase(string name) => inTurn ? name : "";
        // A head's positions lie one behind the other: of a row each head ends within a page of its own.
        long Written(long cache)
        {
            var written = Math.Min(positions, (longestPrompt ?? positions) + config.Sampling.MaxNewTokens);
            var heads = cache / (positions * (long)DecoderGraph.CacheWidth(spec) * sizeof(float));
            return !Pages.CanRelease || written == positions ? cache
                : Math.Min(cache, (cache / positions * written) + (heads * Environment.SystemPageSize));
        }
        var tensors = samplers.Aggregate(learning, (sum, s) => SessionBytes.InTurn(sum, s.Session));
        return new(
        [
            new("process", ProcessBytes),
            new("sessions", tensors.Own),
            .. Held(config, spec, positions),
            // Those of each step of the lag and of now, and those that a sampler reads.
            new("copies of weights that draw", spec.Trainable.Sum(p => p.Count) * sizeof(float) * config.Sampling switch
            {
                { Lag: > 0 and var lag } => lag + 2,
                { DrawsFromCopy: true } => 1,
                _ => 0,
            }),
            new("features of rollouts", Features(config, spec)),
            .. samplers.Select(s => new MemoryUse(
                $"logits of {s.Phase}",
                MemoryEstimate.Choosing(spec, s.Plan.RowsPerThread, s.Plan.Threads),
                s.Phase == Evaluations ? Phase(s.Phase) : "")),
            .. samplers.Select(s => new MemoryUse($"key/value cache of {s.Phase}", Written(s.Plan.CacheBytes), Phase(s.Phase))),
            new(
                "gradients",
                ((spec.Trainable.Sum(p => p.Count) * (StockOptimizer.SumsApart(config) ? 2 : 1))
                    + (beside == 0 ? 0 : beside * MemoryEstimate.LaneGradients(spec, memory).Sum(p => p.Count))) * sizeof(float),
                Phase("training")),
            .. inTurn
                ? [.. samplers.Select(s => new MemoryUse($"tensors of {s.Phase}", s.Session.Tensors, s.Phase)),
                    new($"tensors of scoring and training", learning.Tensors, "training")]
                : new[] { new MemoryUse("tensors of the sessions at work", tensors.Tensors) },
        ]);
    }

    /// <summary>The plan on a device: what lies in its memory, not in the host's.</summary>
    /// <param name="config">The run.</param>
    /// <param name="spec">The model.</param>
    /// <param name="type">Type of products, weights' copies and cache; masters, gradients and moments stay in float32.</param>
    /// <param name="bytes">Memory of the device.</param>
    public static MemoryPlan OfDevice(RunConfig config, DecoderSpec spec, ElementType type, long bytes)
    {
        var positions = config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens;
        var learning = spec.Trainable.Sum(p => p.Count) * sizeof(float);
        var held = Held(config, spec, positions).ToArray();
        var narrow = type == ElementType.Float32 ? 0 : spec.ParameterCount * type.Size();
        // The sampler comes before gradients and moments and leaves room for them.
        var free = bytes - held.Sum(h => h.Bytes) - narrow - learning;
        var sampling = OnDevice(config, spec, type, free, config.Sampling.PromptsPerStep);
        var decoding = Decoding(config, spec, type, sampling);
        var left = free - sampling.CacheBytes - decoding - Features(config, spec);
        var (memory, tokens) = DeviceTraining(config, spec, positions, type, left);
        var micro = Microbatch(
            config with { Training = config.Training with { TokensPerMicrobatch = tokens } },
            spec,
            isDevice: true);
        return new(
        [
            .. held,
            new("weights, narrow copy", narrow),
            new("gradients", learning),
            new("key/value cache of sampling", sampling.CacheBytes),
            new("decoding, logits included", decoding),
            new("features of rollouts", Features(config, spec)),
            new($"activations of a micro-batch{Fewer(tokens)}{(memory.Recompute ? ", layers recomputed" : "")}",
                MemoryEstimate.DeviceActivations(spec, memory, micro, positions, type)),
        ]);

        string Fewer(int taken) => taken < config.Training.MicrobatchTokens ? $" of {taken} tokens" : "";
    }

    /// <summary>The plan on one of several devices that draws and scores and does not update.</summary>
    /// <param name="config">The run; its <c>execution.devices</c> say among how many its groups are dealt out.</param>
    /// <param name="spec">The model.</param>
    /// <param name="type">Type of products, weights' copies and cache.</param>
    /// <param name="bytes">Memory of the device.</param>
    public static MemoryPlan OfFollower(RunConfig config, DecoderSpec spec, ElementType type, long bytes)
    {
        var positions = config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens;
        var devices = Math.Max(1, config.Execution.Devices.Count);
        var held = Held(config, spec, positions).Where(h => h.Purpose != Moments).ToArray();
        var narrow = type == ElementType.Float32 ? 0 : spec.ParameterCount * type.Size();
        var groups = (config.Sampling.PromptsPerStep + devices - 1) / devices;
        var sampling = OnDevice(config, spec, type, bytes - held.Sum(h => h.Bytes) - narrow, groups);
        return new(
        [
            .. held,
            new("weights, narrow copy", narrow),
            new("key/value cache of sampling", sampling.CacheBytes),
            new("decoding, logits included", Decoding(config, spec, type, sampling)),
            new("features of rollouts", Features(config, spec) / devices),
        ]);
    }

    private static long Decoding(RunConfig config, DecoderSpec spec, ElementType type, SamplerPlan plan)
    {
        var (prompt, response) = (config.Sampling.MaxPromptTokens, config.Sampling.MaxNewTokens);
        return MemoryEstimate.DeviceDecoding(spec, type, prompt + response, prompt, plan.RowsPerThread, plan.PromptSlots);
    }

    // The sampler's plan in what is free, of which training or scoring has the other half.
    private static SamplerPlan OnDevice(RunConfig config, DecoderSpec spec, ElementType type, long free, int groups)
    {
        var positions = config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens;
        free = Math.Max(0, free);
        return SamplerPlan.For(
            spec,
            positions,
            Settings(config, threads: 1, (long)groups * config.Sampling.GroupSize),
            new(type.Size(), free, free / 2) { Block = type == ElementType.Float32 ? positions : CacheMemory.UsualBlock });
    }

    /// <summary>
    /// How the train graph of a run spends memory on a device, and the padded tokens of a micro-batch: those that are asked for, or, where
    /// these would have layers computed again and fewer rows would not, fewer rows. Recomputation costs a third of a step.
    /// </summary>
    /// <param name="config">The run.</param>
    /// <param name="spec">The model.</param>
    /// <param name="positions">Tokens of a row, at most.</param>
    /// <param name="type">Type of the products.</param>
    /// <param name="left">Bytes of the device that neither weights nor gradients, moments, caches or features take.</param>
    internal static (GraphMemory Graph, int Tokens) DeviceTraining(
        RunConfig config, DecoderSpec spec, int positions, ElementType type, long left)
    {
        var (asked, kernels) = (config.Training.MicrobatchTokens, config.Execution.Kernels);
        GraphMemory Graph(int tokens, bool recompute) => MemoryChoice.Device(spec, tokens, positions, recompute, kernels) with
        {
            Packed = config.Training.Packing.OnDevice(kernels),
        };
        if (config.Training.Recompute != Recomputation.Auto)
            return (Graph(asked, config.Training.Recompute == Recomputation.Layers), asked);
        for (var tokens = asked; tokens >= Math.Min(asked, positions); tokens /= 2)
            if (!MemoryChoice.DeviceRecomputesToFit(spec, tokens, positions, type, left, kernels))
                return (Graph(tokens, recompute: false), tokens);
        return (Graph(asked, recompute: true), asked);
    }

    // What does not depend on the micro-batch.
    private static IEnumerable<MemoryUse> Held(RunConfig config, DecoderSpec spec, int positions)
    {
        var (count, learning) = (spec.Trainable.Sum(p => p.Count), spec.Trainable.Sum(p => p.Count) * sizeof(float));
        var weights = spec.Parameters.Sum(WeightStorages.BytesOf);
        yield return new("weights", weights + RotaryTable.Of(spec).Sum(t => (long)positions * t.Width * sizeof(float)));
        yield return new(Moments, count * config.Training.Optimizer.MomentBits / 8);
        // The training API keeps its own copy, beside the one that the sampler reads, and hands it over in one piece.
        yield return new("weights in the training session", config.Execution.Gradients == "ortTraining" ? weights + learning : 0);
        // Fresh adapters do nothing yet: the reference is the model without them, which costs nothing.
        yield return new("reference policy",
            config.Algorithm.KlCoefficient > 0 && (spec.Adapter is null || config.Adapter.Path.Length > 0) ? learning : 0);
    }

    private static long Features(RunConfig config, DecoderSpec spec)
    {
        var each = RolloutFeatures.BytesOf(config.Algorithm, spec);
        var all = config.Sampling.PromptsPerStep * config.Sampling.GroupSize * each;
        // A product takes them in pieces of 64 MiB.
        return all + (each > sizeof(float) * spec.HiddenSize ? Math.Min(all, 64L << 20) : 0);
    }

    private static SamplerSettings Settings(RunConfig config, int threads, long rollouts) => new()
    {
        MaxNewTokens = config.Sampling.MaxNewTokens,
        MaxRows = (int)Math.Min(config.Sampling.MaxRows, rollouts),
        CacheBudgetBytes = (long)config.Sampling.CacheBudgetMiB << 20,
        Threads = threads,
        Kernels = config.Execution.Kernels,
    };

    // As an update divides a mini-batch whose rollouts have their full length.
    private static MicrobatchShape Microbatch(RunConfig config, DecoderSpec spec, bool isDevice = false)
    {
        var (prompt, response) = (config.Sampling.MaxPromptTokens, config.Sampling.MaxNewTokens);
        var rows = Math.Max(1, config.Sampling.PromptsPerStep * config.Sampling.GroupSize / config.Training.MinibatchesPerBatch);
        var width = Math.Max(1, prompt + response - 1);
        var (packing, kernels) = (config.Training.Packing, config.Execution.Kernels);
        if (isDevice ? packing.OnDevice(kernels) : packing.Here(kernels) && config.Execution.Gradients == "graph")
        {
            // Of a group its prompt once, and all but the last token of each response.
            long group = prompt + (config.Sampling.GroupSize * (response - 1L)), scored = (long)config.Sampling.GroupSize * response;
            var total = Math.Max(width, group * rows / config.Sampling.GroupSize);
            var asked = config.Training.MicrobatchTokens;
            var tokens = Math.Clamp(isDevice ? asked : Lanes.TokensPerBatch(spec, total, asked), width, total);
            return new(1, (int)tokens, (int)(((tokens * scored) + group - 1) / group), (int)((total + tokens - 1) / tokens));
        }
        var most = isDevice
            ? config.Training.MicrobatchTokens
            : Lanes.TokensPerBatch(spec, (long)rows * width, config.Training.MicrobatchTokens);
        var each = Math.Clamp(most / width, 1, rows);
        return new(each, width, response, (rows + each - 1) / each);
    }
}
