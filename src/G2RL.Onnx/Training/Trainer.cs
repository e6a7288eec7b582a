using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Curriculum;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Lagging;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Optimizers;
using G2RL.Onnx.Training.Steps;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Training;

/// <summary>The main loop: sample, score, advantages, update, keep. One instance is one policy in training.</summary>
public sealed class Trainer : IDisposable
{
    private readonly RunConfig config;
    private readonly TrainingEvents events;
    private readonly RunInputs inputs;
    private readonly PassRateFilter? curriculum;
    private readonly RewardSet rewards;
    private readonly Policy? reference;
    private readonly LaggedPolicy? lagged;
    private readonly IRolloutSource sampler;
    private readonly IScorer scorer;
    private readonly RolloutFeatures features;
    private readonly Drawing drawing;
    private readonly Judging judging;
    private readonly GreedyBaseline? greedy;
    private readonly Rescoring rescoring;
    private readonly Shaping shaping;
    private readonly PolicyUpdate update;

    /// <summary>Loads the model and builds every session.</summary>
    /// <param name="config">The configuration; checked here.</param>
    /// <param name="problems">Problems and rewards of one's own; null takes the configuration's.</param>
    /// <param name="events">What to tell while at work.</param>
    /// <param name="backend">Who computes, the caller's to dispose of; null is the host.</param>
    /// <param name="functions">Rewards of one's own, which the configuration names by the reward "function".</param>
    /// <exception cref="InputException">A fault in the configuration, the checkpoint, the tokenizer, the problems or the
    /// rewards.</exception>
    public Trainer(
        RunConfig config,
        IProblemSet? problems = null,
        TrainingEvents? events = null,
        IBackend? backend = null,
        IReadOnlyDictionary<string, RewardFunction>? functions = null)
        : this(config, problems, events, optimizer: null, backend, functions)
    {
    }

    // The optimizer is the caller's where a test looks over its shoulder.
    internal Trainer(
        RunConfig config,
        IProblemSet? problems,
        TrainingEvents? events,
        PolicyOptimizers.Factory? optimizer,
        IBackend? backend = null,
        IReadOnlyDictionary<string, RewardFunction>? functions = null)
    {
        (this.config, this.events) = (config, events ?? new());
        PolicyOptimizers.Require(config.Execution.Gradients);
        inputs = new RunInputs(config, problems, backend);
        try
        {
            inputs.CheckProblems((done, of) => this.events.Progress?.Invoke("check", done, of));
            curriculum = config.Problems.PassRate.IsOn ? new PassRateFilter(inputs.Problems, config.Problems.PassRate) : null;
            Problems = (IProblemSet?)curriculum ?? inputs.Problems;
            rewards = new RewardSet(config.Rewards, Problems, config.Sampling.MaxNewTokens, functions);
            reference = config.Algorithm.KlCoefficient > 0 ? Policy.Freeze() : null;
            lagged = config.Sampling.DrawsFromCopy ? new(Policy, config.Sampling, Backend.DrawsElsewhere) : null;
            sampler = Rollouts(inputs.TrainingSampler());
            scorer = Backend.Scorer(Policy.Spec);
            var algorithm = AlgorithmTable.All[config.Algorithm.Name];
            var alignment = algorithm.Features == FeatureKind.Alignment ? new ExpertAlignment(scorer, inputs, config) : null;
            alignment?.Require(inputs.Problems.Training ?? Problems.Batch(0, config.Sampling.PromptsPerStep, config.Seed));
            features = new RolloutFeatures(config.Algorithm, Policy.Spec, Backend, inputs.Threads, alignment);
            drawing = new(sampler, inputs.Encode, config, features.WhileSampling ? features.Buffers : null, this.events);
            judging = new(rewards, drawing, Problems, config, this.events);
            greedy = algorithm.Greedy
                ? new(Rollouts(inputs.GreedySampler()), inputs.Encode, judging, this.events)
                : null;
            var scoresFirst = optimizer is not null || ScoringPass.IsNeeded(config);
            rescoring = new(Policy, reference, scorer, features, config, Backend.Rounding, scoresFirst);
            shaping = new(features, config);
            update = new PolicyUpdate(
                Policy,
                config,
                optimizer is null ? Backend.Optimizer(Policy, config) : optimizer(Policy, config, inputs.Threads));
            foreach (var warning in RunConfigRules.Warnings(config).Concat(inputs.Warnings()))
                this.events.Warning?.Invoke(warning);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The policy in training.</summary>
    public Policy Policy => inputs.Policy;

    /// <summary>What the configuration names.</summary>
    internal RunInputs Inputs => inputs;

    /// <summary>The configuration.</summary>
    internal RunConfig Config => config;

    /// <summary>The rewards.</summary>
    internal RewardSet Rewards => rewards;

    /// <summary>Who is told.</summary>
    internal TrainingEvents Events => events;

    private IBackend Backend => inputs.Backend;

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer => inputs.Tokenizer;

    /// <summary>Problems and rewards.</summary>
    public IProblemSet Problems { get; }

    /// <summary>
    /// Runs (or goes on with) a run to its end, or until cancelled; either way the folder holds a checkpoint to go on from.
    /// </summary>
    /// <param name="run">The run's folder.</param>
    /// <param name="evaluate">Evaluates before the first step, after the last one and, as <c>evaluation.every</c> says, between; null
    /// evaluates nothing.</param>
    /// <param name="cancel">Cancels at the next safe point; the state is saved.</param>
    /// <exception cref="NonFiniteException">A loss, gradient or logit is not finite, with step and tensor; the weights are as before the
    /// update.</exception>
    /// <exception cref="InputException">The disk is full, no completion could be judged, or the folder belongs to another configuration or
    /// model.</exception>
    /// <exception cref="InvalidOperationException">Sampler and trainer disagree about log-probs beyond rounding.</exception>
    public TrainingResult Train(RunDirectory run, StepEvaluation? evaluate = null, CancellationToken cancel = default)
    {
        if (RunConfigFile.ToJson(run.Config) != RunConfigFile.ToJson(config))
            throw new ArgumentException(
                $"{run.Folder} belongs to another configuration: {string.Join("; ", RunConfigFile.Differences(run.Config, config))}.",
                nameof(run));
        var keeper = new RunKeeper(run, inputs, update.Optimizer, curriculum, events, update.Entropy, lagged?.History);
        keeper.Begin(evaluates: evaluate is not null);
        events.Started?.Invoke(keeper.Done);
        try
        {
            for (; ; )
            {
                if (evaluate is not null && keeper.LacksEvaluation)
                    run.AppendEvaluation(evaluate(keeper.Done, cancel));
                if (keeper.Done == config.Steps)
                {
                    run.Complete();
                    return new(keeper.Done, Completed: true);
                }
                cancel.ThrowIfCancellationRequested();
                var step = new Step(keeper.Done, cancel);
                var groups = Advance(step);
                keeper.Keep(step.Metrics, groups);
                events.Step?.Invoke(step.Metrics);
                keeper.SaveIfDue();
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            keeper.Save();
            return new(keeper.Done, Completed: false);
        }
        catch (Exception e)
        {
            keeper.Rescue(update.IsWhole);
            if (e is NonFiniteException)
                throw new NonFiniteException($"Step {keeper.Done + 1}: {e.Message}", e);
            throw;
        }
    }

    // One step: sample, reward, score, shape, update. The weights change in the last phase alone, which once begun runs to its end.
    private ScoredGroup[] Advance(Step step)
    {
        // 1. G completions of each of this step's problems from the current policy, or that of some steps ago.
        var problems = Batch(step.Index);
        BeginDraws(step);
        using var early = judging.Begin(step, problems);
        var drawn = drawing.Run(step, problems, early is null ? null : early.Ended);

        // 2. What each is worth. Groups that teach nothing are drawn anew where the configuration says so.
        var (groups, all) = judging.Run(step, problems, drawn, early);
        greedy?.Run(step, groups);

        // 3. Log-probs under the trainer, held against the sampler's, and under the policy that came in.
        events.Progress?.Invoke("score", 0, drawn.Length);
        var drawer = lagged?.Drawer(step.Index) ?? Policy;
        var batch = rescoring.Run(step, groups, drawing.LargestLogit, drawer.Version);

        // 4. Rewards to advantages.
        shaping.Run(step, batch, features.WhileSampling ? drawer : Policy);
        drawing.GiveBack(groups.SelectMany(g => g.Group.Rollouts.Where((_, i) => !g.Members.Contains(i))));

        // 5. One optimizer step per mini-batch of whole groups, the old log-probs fixed. Once weights have changed it runs to its end.
        step.Cancel.ThrowIfCancellationRequested();
        events.Progress?.Invoke("train", 0, batch.Samples.Length);
        update.Run(step.Index, batch.Samples, groups.Length, step.Metrics, batch.Pending, step.Cancel);
        if (curriculum is not null)
            PassRates.Record(curriculum, all, step.Metrics);
        LossWeights.Record(batch.Samples, config.Algorithm.Truncated);
        WarnOfEmptyMinibatches(step.Metrics);
        step.Clock.Lap("train");
        step.Clock.Total();
        return groups;
    }

    /// <summary>
    /// Writes the trained policy as a Hugging Face folder in float32, adapters merged into the weights, tokenizer included.
    /// </summary>
    /// <exception cref="InputException">The folder exists or cannot be written.</exception>
    public void Export(string folder)
    {
        Backend.Fetch(Policy);
        inputs.Checkpoint.SaveAs(folder, Policy.Merged, SafeTensorsDtype.F32);
    }

    /// <summary>Writes the trained adapters by themselves, in PEFT's layout.</summary>
    /// <exception cref="InputException">The run has none, or the folder exists or cannot be written.</exception>
    public void ExportAdapter(string folder)
    {
        Backend.Fetch(Policy);
        RunAdapter.Write(folder, Policy, config.Model);
    }

    /// <summary>The memory that the run will hold on the host.</summary>
    /// <param name="changed">
    /// A configuration that differs in what can be changed without another model or sampler; null is the run's own.
    /// </param>
    public MemoryPlan Memory(RunConfig? changed = null) =>
        MemoryPlan.Of(changed ?? config, Policy.Spec, inputs.Threads, sampler.Plan, inputs.LongestPrompt);

    /// <inheritdoc/>
    public void Dispose()
    {
        // What a constructor that failed had not come to is null.
        update?.Dispose();
        greedy?.Dispose();
        features?.Dispose();
        rewards?.Dispose();
        scorer?.Dispose();
        sampler?.Dispose();
        lagged?.Dispose();
        reference?.Dispose();
        inputs.Dispose();
    }

    private IReadOnlyList<Problem> Batch(int step) => Problems.Batch(step, config.Sampling.PromptsPerStep, config.Seed);

    private IRolloutSource Rollouts(SamplerSettings settings) => lagged is null
        ? Backend.Rollouts(Policy, Tokenizer, settings)
        : lagged.Rollouts(policy => Backend.Rollouts(policy, Tokenizer, settings));

    // Weights of now draw the batch of k steps on. Which problems that has must be known.
    private void BeginDraws(Step step)
    {
        lagged?.History.Keep(step.Index);
        var isAhead = config.Sampling.Lag > 0 && lagged is { IsElsewhere: true } && curriculum is null;
        if (!isAhead || sampler is not LaggedRollouts source)
            return;
        for (var next = step.Index; next <= Math.Min(step.Index + config.Sampling.Lag, config.Steps - 1); next++)
            if (!source.HasBegun(next))
                source.Begin(drawing.Request(next, Batch(next)), step.Cancel);
    }

    private void WarnOfEmptyMinibatches(StepMetrics metrics)
    {
        if (metrics.Values.TryGetValue("policy/empty_minibatches", out var empty))
            events.Warning?.Invoke($"step {metrics.Step}: {empty} of "
                + $"{config.Training.EpochsPerBatch * config.Training.MinibatchesPerBatch} mini-batches hold no token to train on, every "
                + "one is masked; their loss is 0 and they update nothing.");
    }
}
