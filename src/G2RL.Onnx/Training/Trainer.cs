using System.Text.Json.Nodes;
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
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Optimizers;
using G2RL.Onnx.Training.Resuming;
using G2RL.Onnx.Training.Steps;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Training;

/// <summary>Evaluates the weights that a run has after a number of steps.</summary>
/// <param name="step">Steps of training behind the weights.</param>
/// <param name="cancel">Stops between decode steps.</param>
/// <returns>The row of evaluations.jsonl; its <c>step</c> is the number given.</returns>
public delegate JsonObject StepEvaluation(int step, CancellationToken cancel);

/// <summary>How a run ended.</summary>
/// <param name="Steps">Steps done.</param>
/// <param name="Completed">False when it was cancelled; it can be resumed.</param>
public sealed record TrainingResult(int Steps, bool Completed);

/// <summary>The main loop: sample, score, advantages, update, keep. One instance is one policy in training.</summary>
public sealed class Trainer : IDisposable
{
    private readonly RunConfig config;
    private readonly RunInputs inputs;
    private readonly PassRateFilter? curriculum;
    private readonly Algorithm algorithm;
    private readonly IRolloutSource sampler;
    private readonly IScorer scorer;
    private readonly RolloutFeatures features;
    private readonly RewardSet rewards;
    private readonly Policy? reference;
    private readonly PolicyUpdate update;
    private readonly TrainingEvents events;
    private readonly bool scoresFirst;

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
        inputs.CheckProblems((done, of) => this.events.Progress?.Invoke("check", done, of));
        curriculum = config.Problems.PassRate.IsOn ? new PassRateFilter(inputs.Problems, config.Problems.PassRate) : null;
        rewards = new RewardSet(config.Rewards, Problems, config.Sampling.MaxNewTokens, functions);
        algorithm = AlgorithmTable.All[config.Algorithm.Name];
        reference = config.Algorithm.KlCoefficient > 0 ? Policy.Freeze() : null;
        scoresFirst = optimizer is not null || ScoringPass.IsNeeded(config);
        sampler = Backend.Rollouts(Policy, Tokenizer, inputs.TrainingSampler());
        scorer = Backend.Scorer(Policy.Spec);
        features = new RolloutFeatures(config.Algorithm, Policy.Spec, Backend, inputs.Threads);
        update = new PolicyUpdate(
            Policy,
            config,
            optimizer is null ? Backend.Optimizer(Policy, config) : optimizer(Policy, config, inputs.Threads));
        foreach (var warning in RunConfigRules.Warnings(config).Concat(inputs.Warnings()))
            this.events.Warning?.Invoke(warning);
    }

    /// <summary>The policy in training.</summary>
    public Policy Policy => inputs.Policy;

    /// <summary>What the configuration names.</summary>
    internal RunInputs Inputs => inputs;

    /// <summary>The configuration.</summary>
    internal RunConfig Config => config;

    /// <summary>Who is told.</summary>
    internal TrainingEvents Events => events;

    private IBackend Backend => inputs.Backend;

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer => inputs.Tokenizer;

    /// <summary>Problems and rewards.</summary>
    public IProblemSet Problems => (IProblemSet?)curriculum ?? inputs.Problems;

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
        // The weights are those after `done` whole steps, at every moment at which work can be cancelled; `logged` of them are in the logs.
        var done = Begin(run, evaluates: evaluate is not null);
        var (saved, logged) = (done, done);
        events.Started?.Invoke(done);
        try
        {
            for (; ; )
            {
                if (evaluate is not null && IsEvaluationDue(done) && run.Evaluation(done) is null)
                    run.AppendEvaluation(evaluate(done, cancel));
                if (done == config.Steps)
                    return new(done, Completed: true);
                cancel.ThrowIfCancellationRequested();
                var metrics = new StepMetrics(done);
                var groups = Advance(done, metrics, cancel);
                done++;
                if (config.Logging.RolloutsEvery > 0 && metrics.Step % config.Logging.RolloutsEvery == 0)
                    run.WriteRollouts(metrics.Step, groups.SelectMany((g, i) => RolloutLog.Rows(metrics.Step, i, g)));
                run.Append(metrics);
                logged = done;
                events.Step?.Invoke(metrics);
                if (done % config.Training.CheckpointEvery == 0 || done == config.Steps)
                    Save(run, saved = done);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            if (saved != done)
                Save(run, done);
            return new(done, Completed: false);
        }
        catch (Exception e)
        {
            Rescue(run, done, saved, isWhole: update.IsWhole && logged == done);
            if (e is NonFiniteException)
                throw new NonFiniteException($"Step {done}: {e.Message}", e);
            throw;
        }
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

    /// <summary>The memory that the run will hold, by purpose, bytes.</summary>
    public IReadOnlyList<(string Purpose, long Bytes)> MemoryPlan()
    {
        var learning = Policy.TrainableCount * sizeof(float);
        var rows = config.Training.TokensPerMicrobatch;
        var spec = Policy.Spec;
        var lanes = Lanes.For(spec, inputs.Threads).Count;
        var activations = MemoryChoice.Activations(spec, PolicyOptimizers.Memory(Policy, config, inputs.Threads), rows, Policy.Positions);
        return
        [
            ("weights", Policy.WeightBytes),
            ("gradients", learning * (lanes == 1 ? 1 : 1 + lanes)),
            ("optimizer moments", Policy.TrainableCount * config.Training.Optimizer.MomentBits / 8),
            // The training API keeps its own copy, beside the one that the sampler reads, and hands it over in one piece.
            ("weights in the training session", config.Execution.Gradients == "ortTraining" ? Policy.WeightBytes + learning : 0),
            ("reference policy", reference is null or { Spec.Adapter: null } && Policy.Spec.Adapter is not null ? 0 : learning),
            ("key/value cache, training", sampler.Plan.CacheBytes),
            ("features of rollouts", config.Sampling.PromptsPerStep * config.Sampling.GroupSize * features.BytesPerRollout),
            ("activations of the micro-batches at work", activations * lanes),
        ];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        update.Dispose();
        features.Dispose();
        rewards.Dispose();
        scorer.Dispose();
        sampler.Dispose();
        reference?.Dispose();
        inputs.Dispose();
    }

    // One step: sample, judge, score, shape, update.
    private ScoredGroup[] Advance(int step, StepMetrics metrics, CancellationToken cancel)
    {
        var clock = new PhaseClock(metrics);
        // 1. Sample G completions of each of this step's problems from the current policy.
        var problems = Problems.Batch(step, config.Sampling.PromptsPerStep, config.Seed);
        var request = new DrawRequest(
            [.. problems.Select(inputs.Encode)],
            config.Sampling.GroupSize,
            Seeds.Derive(config.Seed, Seeds.Purpose.Sampling),
            step,
            features.WhileSampling);
        var total = problems.Count * config.Sampling.GroupSize;
        var drawn = sampler.Draw(request, done => events.Progress?.Invoke("sample", done, total), cancel);
        var largestLogit = sampler.LargestLogit;
        clock.Lap("sample");

        // 2. Judge them, and score them in full forward passes where the old log-probs of the update are not those of its own forward pass.
        var groups = Judging.Run(rewards, problems, drawn, events.Progress, cancel, metrics);
        ScoredGroup[] passedOver = [.. groups];
        RolloutMetrics.Report(metrics, groups, clock.Seconds("sample"));
        foreach (var group in groups)
            foreach (var outcome in group.Outcomes.Where(o => o.Message is not null).Take(1))
                events.Warning?.Invoke($"step {step}, {group.Group.Problem.Id}: {outcome.Kind}: {outcome.Message}");
        clock.Lap("reward");
        DynamicSampling.Run(
            groups, step, config, Problems,
            (others, seed) =>
            {
                var more = sampler.Draw(
                    request with { Prompts = [.. others.Select(inputs.Encode)], Seed = seed, KeepsFeatures = true },
                    done => events.Progress?.Invoke("resample", done, others.Count * config.Sampling.GroupSize),
                    cancel);
                largestLogit = Math.Max(largestLogit, sampler.LargestLogit);
                return Judging.Run(rewards, others, more, events.Progress, cancel);
            },
            metrics);
        if (config.Sampling.ResampleRounds > 0)
            clock.Lap("resample");
        var samples = groups.SelectMany((g, i) =>
            g.Members.Select((rollout, member) => new Sample(i, member, g, g.Group.Rollouts[rollout]))).ToArray();
        if (samples.Length == 0)
            throw new InputException($"Step {step}: none of {total} completions could be judged. Look at the reward function; "
                + "the warnings above say what went wrong.");
        foreach (var sample in samples)
            if (sample.Rollout.Version != Policy.Version)
                throw new InvalidOperationException($"A rollout was drawn by {sample.Rollout.Version}; "
                    + $"the trainer holds {Policy.Version}.");
        var sequences = samples.Select(s => s.Sequence).ToArray();
        var old = !scoresFirst ? [] : scorer.Score(
            Policy,
            sequences,
            config.Sampling.Temperature,
            config.Training.TokensPerMicrobatch,
            withFeatures: features.WhileScoring,
            tokenWeight: features.Weight,
            withMeanHidden: features.MeanHidden);
        var kl = reference is null
            ? null
            : scorer.Score(reference, sequences, config.Sampling.Temperature, config.Training.TokensPerMicrobatch);
        for (var i = 0; i < samples.Length; i++)
            (samples[i].OldLogProbs, samples[i].ReferenceLogProbs) = (scoresFirst ? old[i].LogProbs : [], kl?[i].LogProbs);
        void CheckMismatch(IReadOnlyList<Sample> scored) =>
            Mismatch.Check(metrics, scored, largestLogit / config.Sampling.Temperature, config.Algorithm.Correction.IsOn, Backend.Rounding);
        if (scoresFirst)
            CheckMismatch(samples);
        clock.Lap("score");

        // 3. Turn rewards into advantages.
        cancel.ThrowIfCancellationRequested();
        var found = features.Of(Policy, samples, old);
        OverlongShaping.Apply(groups, config.Algorithm.Overlong, config.Sampling.MaxNewTokens);
        var shuffle = Seeds.Derive(config.Seed, Seeds.Purpose.Shuffle, step);
        for (var i = 0; i < groups.Length; i++)
            if (groups[i].Members.Length >= 2)
            {
                var own = found?.Where((_, k) => samples[k].Group == i).ToArray();
                features.Measure(groups[i], own);
                algorithm.Advantages(groups[i], own, config.Algorithm, Seeds.Derive(shuffle, Seeds.Purpose.Shuffle, i));
            }
            else
                groups[i].Masked = true;
        StepAdvantages.Apply(groups, config.Algorithm);
        AdvantageMetrics.Report(metrics, groups);
        RolloutCorrections.Apply(samples, [.. old.Select(o => o.Entropies)], config.Algorithm.Correction, metrics);
        clock.Lap("features");

        // 4. One optimizer step per mini-batch of whole groups, the old log-probs fixed. Once begun it runs to its end.
        cancel.ThrowIfCancellationRequested();
        update.Run(step, samples, groups.Length, metrics, scoresFirst ? null : CheckMismatch);
        if (curriculum is not null)
            Remember(curriculum, step, [.. groups, .. passedOver], metrics);
        if (metrics.Values.TryGetValue("policy/empty_minibatches", out var empty))
            events.Warning?.Invoke($"step {step}: {empty} of {config.Training.EpochsPerBatch * config.Training.MinibatchesPerBatch} "
                + "mini-batches hold no token to train on, every one is masked; their loss is 0 and they update nothing.");
        clock.Lap("train");
        clock.Total();
        return groups;
    }

    // A step that was cancelled leaves no trace, so that it is drawn again as it was.
    private static void Remember(PassRateFilter curriculum, int step, IReadOnlyList<ScoredGroup> groups, StepMetrics metrics)
    {
        metrics.Set("curriculum/replaced", curriculum.Replaced);
        curriculum.Record(
            step,
            groups.Select(g => (Problem: g.Group.Problem.Id, Judged: g.Outcomes.Where(o => o.Kind == OutcomeKind.Score).ToArray()))
                .Where(g => g.Judged.Length > 0).Select(g => (g.Problem, (double)g.Judged.Count(o => o.Score > 0) / g.Judged.Length)));
        metrics.Set("curriculum/left_out", curriculum.LeftOut(step + 1));
    }

    // Steps that are done. What is refused here leaves no new folder.
    private int Begin(RunDirectory run, bool evaluates)
    {
        try
        {
            var done = Restore(run, evaluates);
            RequireRoom(run, done);
            return done;
        }
        catch
        {
            run.Abandon();
            throw;
        }
    }

    private int Restore(RunDirectory run, bool evaluates)
    {
        var latest = run.Checkpoints.Latest(events.Warning);
        var done = latest?.Step ?? 0;
        if (done > config.Steps)
            throw new InputException($"{latest!.Value.Folder} is beyond the run's {config.Steps} steps; "
                + $"it does not belong to {run.Folder}, or steps must be at least {done}.");
        var border = new Resumption(run, inputs.Identity(), done);
        foreach (var word in border.Begin())
            events.Warning?.Invoke(word);
        if (latest is { } checkpoint)
        {
            update.Optimizer.Load(checkpoint.Folder);
            curriculum?.Load(checkpoint.Folder);
        }
        run.RewindTo(done);
        foreach (var word in border.MissingRows(evaluates))
            events.Warning?.Invoke(word);
        return done;
    }

    // Something failed. What was done before is kept where the weights are still those of whole steps and the logs hold their rows;
    // otherwise the steps since the last checkpoint are done again, to the same bytes. A run without any work leaves nothing.
    private void Rescue(RunDirectory run, int done, int saved, bool isWhole)
    {
        if (isWhole && done > saved)
        {
#pragma warning disable CA1031 // whatever else fails now, the first failure is the one to tell
            try
            {
                Save(run, done);
                saved = done;
            }
            catch (Exception e)
            {
                events.Warning?.Invoke($"the {done} steps that are done could not be saved: {e.Message}");
            }
#pragma warning restore CA1031
        }
        if (done == 0)
            run.Abandon();
        if (done > 0 || (Directory.Exists(run.Folder) && RunEntries.HasWork(run.Folder)))
            events.Warning?.Invoke(
                $"{(saved == 0 ? "no step is saved" : $"the run is saved after {saved} of the {done} steps that were done")}; when the "
                    + $"cause is mended go on with: g2rl export-and-train --resume {run.Folder}");
    }

    private void RequireRoom(RunDirectory run, int done)
    {
        if (done < config.Steps)
            run.Checkpoints.RequireRoom(
                TrainingState.Bytes(Policy),
                1 + ((config.Steps - done) / config.Training.CheckpointEvery),
                Policy.ParameterCount * sizeof(float));
    }

    private bool IsEvaluationDue(int done) =>
        done == 0 || done == config.Steps || (config.Evaluation.Every > 0 && done % config.Evaluation.Every == 0);

    private void Save(RunDirectory run, int step)
    {
        run.FlushLogs();
        run.Checkpoints.Save(step, TrainingState.Bytes(Policy), folder =>
        {
            update.Optimizer.Save(folder);
            curriculum?.Save(folder);
        });
    }
}
