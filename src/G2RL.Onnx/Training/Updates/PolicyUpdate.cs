using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Optimizers;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Training.Updates;

/// <summary>
/// The update half of a step: epochs x mini-batches of whole groups, each one optimizer step over micro-batches. The loss divides by the
/// tokens of the whole mini-batch, so the size of a micro-batch does not enter.
/// </summary>
internal sealed class PolicyUpdate : IDisposable
{
    private readonly Policy policy;
    private readonly RunConfig config;
    private readonly IPolicyOptimizer optimizer;
    private readonly Aggregation aggregation;
    private readonly Aggregation klAggregation;
    private readonly Aggregation entropyAggregation;
    private readonly bool wholeBatch;
    private double bonus = 1;

    /// <summary>Takes the optimizer over and disposes of it.</summary>
    public PolicyUpdate(Policy policy, RunConfig config, IPolicyOptimizer optimizer)
    {
        var choice = AlgorithmChoice.Of(config.Algorithm);
        (this.policy, this.config, this.optimizer) = (policy, config, optimizer);
        (aggregation, wholeBatch) = (Aggregations.All[choice.Aggregation], LossTable.All[choice.Loss].WholeBatch);
        (klAggregation, entropyAggregation) = (Aggregations.All[choice.KlAggregation], Aggregations.All[choice.EntropyAggregation]);
        Entropy = config.Algorithm.AdaptiveEntropy.IsOn ? new(config.Algorithm.AdaptiveEntropy) : null;
    }

    /// <summary>Weights, moments and counters.</summary>
    public IPolicyOptimizer Optimizer => optimizer;

    /// <summary>The entropy bonus that adapts; null where there is none.</summary>
    public AdaptiveEntropy? Entropy { get; }

    /// <summary>
    /// Whether the weights are those after all updates of a step, or before the first; false when something failed in between.
    /// </summary>
    public bool IsWhole { get; private set; } = true;

    /// <summary>Updates the policy from a batch of rollouts.</summary>
    /// <exception cref="NonFiniteException">Loss or gradient is not finite; names the tensor. The weights are as before the
    /// update.</exception>
    /// <param name="step">Steps that are done before it; decides the order of groups.</param>
    /// <param name="samples">The rollouts.</param>
    /// <param name="groups">How many groups they form.</param>
    /// <param name="metrics">Receives what happened.</param>
    /// <param name="found">
    /// Null when the samples have their old log-probs; else called with the samples of the only update when the gradient pass has found
    /// them, before the weights change.
    /// </param>
    /// <param name="cancel">Stops between micro-batches of the first update; once the weights have changed a step runs to its end.</param>
    public void Run(
        int step,
        IReadOnlyList<Sample> samples,
        int groups,
        StepMetrics metrics,
        Action<IReadOnlyList<Sample>>? found = null,
        CancellationToken cancel = default)
    {
        var t = config.Training;
        var updates = t.EpochsPerBatch * t.MinibatchesPerBatch;
        var kept = samples.Where(s => s.IsTrained(config.Algorithm.Truncated)).ToArray();
        metrics.Set("policy/trained_share", (double)kept.Length / samples.Count);
        var tally = new UpdateTally(config.Algorithm);
        var entropy = samples.Sum(s => s.Rollout.Entropies.Sum(e => (double)e)) / samples.Sum(s => s.Rollout.Entropies.Length);
        bonus = Entropy?.Of(entropy) ?? 1;
        for (var epoch = 0; epoch < t.EpochsPerBatch; epoch++)
        {
            var order = t.MinibatchesPerBatch == 1
                ? [.. Enumerable.Range(0, groups)]
                : Seeds.Permutation(Seeds.Derive(config.Seed, Seeds.Purpose.Minibatches, (step * t.EpochsPerBatch) + epoch), groups);
            for (var part = 0; part < t.MinibatchesPerBatch; part++)
            {
                // Whole groups, as evenly as they divide.
                var members = order[(part * groups / t.MinibatchesPerBatch)..((part + 1) * groups / t.MinibatchesPerBatch)].ToHashSet();
                var minibatch = kept.Where(s => members.Contains(s.Group)).ToArray();
                // Where rows count, those without a token to train on do, too.
                var rows = samples.Count(s => members.Contains(s.Group));
                var first = epoch == 0 && part == 0;
                var index = (step * updates) + (epoch * t.MinibatchesPerBatch) + part;
                Update(index, minibatch, rows, first, tally, metrics, found, IsWhole ? cancel : CancellationToken.None);
            }
        }
        IsWhole = true;
        optimizer.Rest();
        Entropy?.Adapt(entropy, metrics);
        tally.Report(metrics);
    }

    public void Dispose() => optimizer.Dispose();

    private void Update(
        int index,
        Sample[] minibatch,
        int rows,
        bool first,
        UpdateTally tally,
        StepMetrics metrics,
        Action<IReadOnlyList<Sample>>? found,
        CancellationToken cancel)
    {
        var tokens = minibatch.Sum(s => s.KeptTokens);
        if (tokens == 0)
        {
            metrics.Add("policy/empty_minibatches", 1);
            return;
        }
        var groupTokens = minibatch.GroupBy(s => s.Group).ToDictionary(g => g.Key, g => (double)g.Sum(s => s.KeptTokens));
        var longest = config.Sampling.MaxNewTokens;
        var counts =
            new BatchCounts(rows, minibatch.Count(s => s.KeptTokens > 0), tokens, longest, longest, groupTokens.Count(g => g.Value > 0));
        optimizer.Clear();
        Sequence[] sequences = [.. minibatch.Select(s => s.Sequence)];
        var most = wholeBatch ? int.MaxValue : Math.Min(config.Training.MicrobatchTokens, optimizer.MostTokens);
        var plan = wholeBatch
            ? [BatchPlan.Whole(sequences, optimizer.Packs)]
            : BatchPlan.Of(policy.Spec, sequences, most, optimizer.Packs);
        Microbatch[] micros = [.. plan.Select(indices => Fill([.. indices.Select(i => minibatch[i])], counts, groupTokens))];
        if (wholeBatch)
            DrawLots(micros.Single(), sequences, plan[0], Seeds.Derive(config.Seed, Seeds.Purpose.Lots, index));
        if (optimizer.Packs)
            tally.AddWork(Work(plan, packed: true), Work(BatchPlan.Of(policy.Spec, sequences, most, packed: false), packed: false));
        double Work(IEnumerable<int[]> batches, bool packed) =>
            batches.Sum(batch => BatchPlan.Work(policy.Spec, [.. batch.Select(i => sequences[i])], packed));

        if (first)
            foreach (var micro in micros)
                micro.Moved.AsSpan().Clear();
        var loss = optimizer.Add(micros, cancel);
        if (found is not null)
        {
            for (var i = 0; i < micros.Length; i++)
                KeepLogProbs(micros[i], plan[i].Select(s => minibatch[s]));
            found(minibatch);
        }
        var firstRatio = 0d;
        foreach (var micro in micros)
        {
            tally.Add(micro, tokens);
            if (first)
                for (var i = 0; i < micro.LogProbs.Length; i++)
                    firstRatio = Math.Max(firstRatio, Math.Abs((double)micro.LogProbs[i] - micro.OldLogProbs[i]));
        }
        if (!double.IsFinite(loss))
            throw new NonFiniteException($"the loss is {loss}. The weights are as before this update; "
                + "lower training.learningRate, or look at the rollouts of this step.");
        if (first)
        {
            metrics.Set("mismatch/first_ratio_max_nats", firstRatio);
            Mismatch.Limit(metrics.Step, "score and train graph", firstRatio, metrics.Values["mismatch/allowed_nats"]);
        }
        double? norm;
        try
        {
            norm = optimizer.GradientNorm();
        }
        catch (NonFiniteException e)
        {
            throw new NonFiniteException(
                $"{e.Message} The weights are as before this update; lower training.learningRate, or look at the rollouts of this step.",
                e);
        }
        var rate = Schedules.LearningRate(
            config.Training.Schedule,
            config.Training.LearningRate,
            index,
            config.Steps * config.Training.EpochsPerBatch * config.Training.MinibatchesPerBatch);
        IsWhole = false;
        optimizer.Step(rate);
        policy.Updates++;
        tally.AddUpdate(loss, norm, rate);
    }

    // What the gradient pass found is what the rollouts had: nothing has changed since they were drawn.
    private static void KeepLogProbs(Microbatch micro, IEnumerable<Sample> rows)
    {
        micro.LogProbs.CopyTo(micro.OldLogProbs, 0);
        var next = 0;
        foreach (var sample in rows)
        {
            sample.OldLogProbs = micro.LogProbs[next..(next + sample.Rollout.Tokens.Length)];
            next += sample.Rollout.Tokens.Length;
        }
    }

    // A random order of the tokens, exact as floats up to 2^24 of them. The lot of a token does not depend on how rows lie.
    private static void DrawLots(Microbatch micro, Sequence[] sequences, int[] rows, ulong seed)
    {
        var order = Seeds.Permutation(seed, micro.Lots.Length);
        var starts = new int[sequences.Length];
        var next = 0;
        foreach (var row in BatchPlan.Whole(sequences, packed: false))
            (starts[row], next) = (next, next + sequences[row].Response.Length);
        next = 0;
        foreach (var row in rows)
            for (var t = 0; t < sequences[row].Response.Length; t++)
                micro.Lots[next++] = order[starts[row] + t];
    }

    private Microbatch Fill(Sample[] rows, BatchCounts counts, Dictionary<int, double> groupTokens)
    {
        var micro = new Microbatch(BatchPlan.Batch([.. rows.Select(s => s.Sequence)], optimizer.Packs));
        var next = 0;
        foreach (var sample in rows)
        {
            var length = sample.Rollout.Tokens.Length;
            var own = new SequenceCounts(sample.KeptTokens, groupTokens[sample.Group]);
            micro.Weights.AsSpan(next, length).Fill((float)aggregation.Weight(own, counts));
            micro.KlWeights.AsSpan(next, length).Fill((float)klAggregation.Weight(own, counts));
            micro.EntropyWeights.AsSpan(next, length).Fill((float)(bonus * entropyAggregation.Weight(own, counts)));
            for (var t = 0; sample.Kept is not null && t < length; t++)
                if (!sample.Kept[t])
                    micro.Weights[next + t] = micro.KlWeights[next + t] = micro.EntropyWeights[next + t] = 0;
            sample.Corrections?.CopyTo(micro.Corrections, next);
            micro.Advantages.AsSpan(next, length).Fill((float)sample.Advantage);
            for (var t = 0; sample.TokenAdvantages is { } each && t < length; t++)
                micro.Advantages[next + t] = (float)each[t];
            sample.OldLogProbs.CopyTo(micro.OldLogProbs, next);
            sample.ReferenceLogProbs?.CopyTo(micro.ReferenceLogProbs, next);
            next += length;
        }
        return micro;
    }
}
