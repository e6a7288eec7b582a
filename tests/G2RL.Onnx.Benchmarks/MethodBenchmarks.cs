using System.Numerics.Tensors;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Arms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Benchmarks;

/// <summary>What G2RL itself costs: filling u while sampling, the product u E, the scores; and its share of a whole step.</summary>
internal static class MethodBenchmarks
{
    private const int GroupSize = 16;
    private const int Repetitions = 20;

    /// <summary>Each part alone.</summary>
    public static IEnumerable<Row> Parts(Machine machine)
    {
        // The 19 tokens of arithmetic-base take no time worth a row.
        foreach (var shape in new[] { Shape.FourLayers, Shape.Smol })
        {
            // Shares and u read, u written, by one thread.
            var bytes = 3.0 * sizeof(float) * shape.Spec.VocabularySize;
            var filling = Filling(machine, shape);
            // One thread is held against what one thread can do.
            var alone = new Machine(threads: 1, machine.Budget);
            yield return new(
                "G2RL",
                $"fill u, vocabulary {shape.Spec.VocabularySize}",
                1 / filling.Seconds,
                filling.Spread,
                "tokens/s")
            { Limit = alone.Streaming((long)bytes) / bytes, LimitedBy = "memory" };
        }
        foreach (var shape in new[] { Shape.ArithmeticBase, Shape.FourLayers })
        {
            using var policy = shape.Policy(positions: 16);
            using var projector = new FeatureProjector(policy.Spec, machine.Threads);
            var weights = Weights(shape, GroupSize * GroupSize);
            var timing = Timing.Of(() => projector.Project(policy, weights), machine.Budget);
            double numbers = (double)shape.Spec.VocabularySize * shape.Spec.HiddenSize, all = weights.Length;
            var (least, by) = machine.Least(
                2 * all * numbers,
                sizeof(float) * (numbers + (all * (shape.Spec.VocabularySize + shape.Spec.HiddenSize))),
                (long)(sizeof(float) * numbers));
            yield return new(
                "G2RL",
                $"u E, {shape.Name}",
                all / timing.Seconds,
                timing.Spread,
                "rollouts/s")
            { Limit = all / least, LimitedBy = by };

            var features = projector.Project(policy, weights[..GroupSize]);
            var group = Group(GroupSize);
            var scores = Timing.Of(() => Scores(group, features), machine.Budget);
            // The cosines of all pairs are the work; one thread does them.
            yield return new("G2RL", $"scores, {shape.Name}, groups of {GroupSize}", 1 / scores.Seconds, scores.Spread, "groups/s")
            {
                Limit = machine.Arithmetic / machine.Threads / (GroupSize * (GroupSize + 3.0) * shape.Spec.HiddenSize),
                LimitedBy = "arithmetic",
            };
        }
    }

    /// <summary>Its share of a step: 4 prompts x 16 rollouts x 24 tokens, drawn, scored by policy and reference, and trained on.</summary>
    public static IEnumerable<Row> Share(Machine machine) => Share(machine, Shape.ArithmeticBase, Shape.FourLayers);

    /// <summary>The same where a step takes seconds: SmolLM2-135M's layers with a small vocabulary and with Qwen's.</summary>
    public static IEnumerable<Row> LargeShare(Machine machine) => Share(machine, Shape.Parse("135M:8192"), Shape.Parse("135M:151936"));

    private static IEnumerable<Row> Share(Machine machine, params Shape[] shapes)
    {
        const int prompts = 4, promptTokens = 16, newTokens = 24;
        foreach (var shape in shapes)
        {
            using var policy = shape.Policy(promptTokens + newTokens);
            using var sampler = new Sampler(
                policy,
                Shape.Tokenizer(),
                new SamplerSettings { MaxNewTokens = newTokens, CacheBudgetBytes = 1L << 30, Threads = machine.Threads });
            using var scorer = new Scorer(policy.Spec, machine.Threads);
            using var projector = new FeatureProjector(policy.Spec, machine.Threads);
            using var training = new TrainingStep(policy, machine.Threads, new TrainingConfig().MicrobatchTokens);
            var request = new DrawRequest(
                [.. Enumerable.Range(0, prompts).Select(i => shape.Tokens(promptTokens, i))],
                GroupSize,
                Seed: 3,
                Step: 0,
                WithFeatures: true);
            var tokens = new TrainingConfig().MicrobatchTokens;
            var rollouts = sampler.Draw(request).SelectMany(r => r).ToArray();
            var sequences = rollouts.Select(r => new Sequence(r.PromptTokens, r.Tokens)).ToArray();
            var micros = SequenceBatch.Plan(sequences, tokens)
                .Select(p => TrainingStep.Microbatch([.. p.Select(i => sequences[i])]))
                .ToArray();
            var groups = Enumerable.Range(0, prompts).Select(_ => Group(GroupSize)).ToArray();

            var sample = Timing.Of(() => sampler.Draw(request), machine.Budget).Seconds;
            var score = 2 * Timing.Of(() => scorer.Score(policy, sequences, 1, tokens), machine.Budget).Seconds;
            var train = Timing.Of(() => training.Run(micros), machine.Budget).Seconds;
            var method = Timing.Of(() =>
            {
                var features = projector.Project(policy, [.. rollouts.Select(r => r.FeatureWeights!)]);
                for (var g = 0; g < groups.Length; g++)
                    Scores(groups[g], features[(g * GroupSize)..((g + 1) * GroupSize)]);
            }, machine.Budget, Repetitions);
            // Every thread fills the accumulators of its own rows.
            var filling = Filling(machine, shape).Seconds * rollouts.Sum(r => r.Tokens.Length) / machine.Threads;
            var step = sample + score + method.Seconds + train;
            yield return new("G2RL", $"a step of {rollouts.Length} rollouts, {shape.Name}", 1000 * step, method.Spread, "ms");
            yield return new("G2RL", $"its own time in that step, {shape.Name}", 1000 * (filling + method.Seconds), method.Spread, "ms");
            yield return new("G2RL", $"its share of that step, {shape.Name}", 100 * (filling + method.Seconds) / step, method.Spread, "%");
        }
    }

    // What TokenSampler adds to a choice when a rollout has an accumulator: one pass over shares and u. Measured by itself, since the
    // difference of two choices, with and without, drowns in their noise.
    private static Timing Filling(Machine machine, Shape shape)
    {
        var (shares, u) = (new float[shape.Spec.VocabularySize], new float[shape.Spec.VocabularySize]);
        Array.Fill(shares, 1e-3f);
        return Timing.Of(() => TensorPrimitives.MultiplyAdd(shares, -1e-3f, u, u), machine.Budget / 4, Repetitions);
    }

    // Cosines that a group already has are taken as a device's, and nothing would be computed.
    private static void Scores(ScoredGroup group, float[][] features)
    {
        group.Cosines = [];
        G2rl.Advantages(group, features, new(), seed: 0);
    }

    private static float[][] Weights(Shape shape, int count) => [.. Enumerable.Range(0, count).Select(i =>
    {
        var u = new float[shape.Spec.VocabularySize];
        Seeds.Normal(5, i, u);
        return u;
    })];

    private static ScoredGroup Group(int size)
    {
        var rollout = new Rollout
        {
            PromptTokens = [0],
            Tokens = [0],
            LogProbs = [0],
            Entropies = [0],
            Finish = FinishReason.StopToken,
            Version = default,
            Text = "",
        };
        return new(
            new RolloutGroup(new Problem("p", "", ""), [.. Enumerable.Repeat(rollout, size)]),
            [.. Enumerable.Range(0, size).Select(i => Outcome.Judged(i % 3 == 0))]);
    }
}
