using System.Diagnostics;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Training.Pretraining;

/// <summary>How next tokens are learned.</summary>
internal sealed record NextTokenSettings
{
    public required int Steps { get; init; }

    public required double LearningRate { get; init; }

    public required int WarmupSteps { get; init; }

    public required double WeightDecay { get; init; }

    public required int TokensPerMicrobatch { get; init; }

    /// <summary>Steps between checkpoints, >= 1.</summary>
    public int CheckpointEvery { get; init; } = 200;

    /// <summary>Whether sequences are packed; else each has a row, filled up to the longest.</summary>
    public bool Packed { get; init; }
}

/// <summary>
/// Minimises L = -sum_t lp_t / N over the N response tokens of a step's sequences, with the graphs, gradients, optimizer and checkpoints of
/// the main job.
/// </summary>
internal sealed class NextTokenTraining : IDisposable
{
    private readonly Policy policy;
    private readonly CheckpointStore checkpoints;
    private readonly NextTokenSettings settings;
    private readonly GradientAccumulator gradients;
    private readonly AdamW optimizer;

    /// <summary>Builds the session; what an interrupted training saved is taken up.</summary>
    public NextTokenTraining(Policy policy, CheckpointStore checkpoints, int threads, NextTokenSettings settings)
    {
        (this.policy, this.checkpoints, this.settings) = (policy, checkpoints, settings);
        var memory = MemoryChoice.Training(policy.Spec, settings.TokensPerMicrobatch, policy.Positions, recompute: false) with
        {
            Packed = settings.Packed,
        };
        gradients = new GradientAccumulator(policy, PolicyLoss.CrossEntropy, temperature: 1, threads, memory);
        optimizer = new AdamW(
            policy.Trainable,
            gradients.Gradients,
            new AdamWSettings { Beta2 = 0.95, WeightDecay = settings.WeightDecay, DecayExclusions = ["norm"] },
            threads);
        checkpoints.RemoveLeftovers();
        if (checkpoints.Latest() is not { } latest)
            return;
        TrainingState.Load(latest.Folder, policy, optimizer);
        Done = latest.Step;
    }

    /// <summary>Steps that are done.</summary>
    public int Done { get; private set; }

    /// <summary>Share of the last step's operations that packing saved, attention and head included; 0 where nothing is packed.</summary>
    public double SavedFlopsShare { get; private set; }

    /// <summary>Does the steps that are left.</summary>
    /// <param name="examples">The sequences of a step, counted from 0: a pure function.</param>
    /// <param name="progress">Called after every step, before it is saved.</param>
    /// <param name="cancel">Stops between steps, saves, and throws <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="NonFiniteException">Training diverged.</exception>
    public void Run(Func<int, Sequence[]> examples, Action<PretrainProgress>? progress, CancellationToken cancel)
    {
        for (var saved = Done; Done < settings.Steps;)
        {
            if (cancel.IsCancellationRequested)
            {
                if (Done > saved)
                    Save();
                cancel.ThrowIfCancellationRequested();
            }
            var started = Stopwatch.GetTimestamp();
            var sequences = examples(Done);
            var (loss, tokens) = Step(sequences);
            // First who writes the step down: a checkpoint must not outlive the row that leads up to it.
            progress?.Invoke(new(Done, loss, tokens / Stopwatch.GetElapsedTime(started).TotalSeconds));
            if (Done % settings.CheckpointEvery == 0)
            {
                Save();
                saved = Done;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        optimizer.Dispose();
        gradients.Dispose();
    }

    private (double Loss, int Tokens) Step(Sequence[] sequences)
    {
        var tokens = sequences.Sum(s => s.Response.Length);
        gradients.Clear();
        var rows = SequenceBatch.Plan(sequences, settings.TokensPerMicrobatch);
        var plan = settings.Packed ? BatchPlan.Of(policy.Spec, sequences, settings.TokensPerMicrobatch, packed: true) : rows;
        SavedFlopsShare = settings.Packed ? 1 - (Work(plan, packed: true) / Work(rows, packed: false)) : 0;
        Microbatch[] micros =
            [.. plan.Select(indices => new Microbatch(BatchPlan.Batch([.. indices.Select(i => sequences[i])], settings.Packed)))];
        foreach (var micro in micros)
            Array.Fill(micro.Weights, 1f / tokens);
        var loss = gradients.Add(micros);
        var schedule = new ScheduleSettings { Kind = ScheduleKind.Cosine, WarmupSteps = settings.WarmupSteps, FinalFraction = 0.1 };
        optimizer.Step(Schedules.LearningRate(schedule, settings.LearningRate, Done, settings.Steps), Norm());
        policy.Updates++;
        Done++;
        return (loss, tokens);

        double Work(IEnumerable<int[]> batches, bool packed) =>
            batches.Sum(batch => BatchPlan.Work(policy.Spec, [.. batch.Select(i => sequences[i])], packed));
    }

    private void Save() =>
        checkpoints.Save(Done, TrainingState.Bytes(policy), folder => TrainingState.Save(folder, policy, optimizer));

    private double Norm()
    {
        try
        {
            return optimizer.GradientNorm();
        }
        catch (NonFiniteException e)
        {
            throw new NonFiniteException($"Step {Done + 1}: {e.Message} Lower learningRate, or lengthen warmupSteps.", e);
        }
    }
}
