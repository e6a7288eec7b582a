using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems.Curriculum;
using G2RL.Onnx.Training.Lagging;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Optimizers;
using G2RL.Onnx.Training.Resuming;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Training;

/// <summary>
/// A run's folder while the run is at work: where it begins, what is kept of each step, and what is saved when something fails. The weights
/// are those after <see cref="Done"/> whole steps at every moment at which work can be cancelled.
/// </summary>
/// <param name="run">The folder.</param>
/// <param name="inputs">Model, problems and configuration of now.</param>
/// <param name="optimizer">Weights, moments and counters.</param>
/// <param name="curriculum">What it remembers is saved, too; null where there is none.</param>
/// <param name="events">Told what deserves a word.</param>
/// <param name="entropy">An entropy bonus whose weight is saved, too; null where there is none.</param>
/// <param name="history">Weights of earlier steps that draw the next ones, saved, too; null where there are none.</param>
internal sealed class RunKeeper(
    RunDirectory run,
    RunInputs inputs,
    IPolicyOptimizer optimizer,
    PassRateFilter? curriculum,
    TrainingEvents events,
    AdaptiveEntropy? entropy = null,
    PolicyHistory? history = null)
{
    private readonly RunConfig config = run.Config;
    private int logged;
    private int saved;

    /// <summary>Whole steps behind the weights.</summary>
    public int Done { get; private set; }

    /// <summary>Whether the weights of now are to be evaluated and have not been.</summary>
    public bool LacksEvaluation => IsEvaluationDue && run.Evaluation(Done) is null;

    /// <summary>The most bytes of a checkpoint's numbers.</summary>
    internal long Bytes =>
        TrainingState.Bytes(inputs.Policy) + ((long)config.Sampling.Lag * inputs.Policy.TrainableCount * sizeof(float));

    private bool IsEvaluationDue =>
        Done == 0 || Done == config.Steps || (config.Evaluation.Every > 0 && Done % config.Evaluation.Every == 0);

    /// <summary>Takes up the newest checkpoint, or begins. What is refused here leaves no new folder.</summary>
    /// <param name="evaluates">Whether rows of evaluations are expected.</param>
    /// <exception cref="InputException">Too little room, or a folder that does not belong to this run.</exception>
    public void Begin(bool evaluates)
    {
        try
        {
            logged = saved = Done = Restore(evaluates);
            RequireRoom();
        }
        catch
        {
            run.Abandon();
            throw;
        }
    }

    /// <summary>Logs a step that has ended.</summary>
    public void Keep(StepMetrics metrics, IReadOnlyList<ScoredGroup> groups)
    {
        Done++;
        if (config.Logging.RolloutsEvery > 0 && (metrics.Step - 1) % config.Logging.RolloutsEvery == 0)
            run.WriteRollouts(metrics.Step, groups.SelectMany((g, i) =>
                RolloutLog.Rows(metrics.Step, i, g, config.Logging.Tokens ? inputs.Tokenizer : null)));
        run.Append(metrics);
        logged = Done;
    }

    /// <summary>Saves every so many steps, and after the last one.</summary>
    public void SaveIfDue()
    {
        if (Done % config.Training.CheckpointEvery == 0 || Done == config.Steps)
            Save();
    }

    /// <summary>Saves what is not yet saved.</summary>
    public void Save()
    {
        if (saved == Done)
            return;
        run.FlushLogs();
        run.Checkpoints.Save(Done, Bytes, folder =>
        {
            optimizer.Save(folder);
            curriculum?.Save(folder);
            entropy?.Save(folder);
            history?.Save(folder, Done);
        });
        saved = Done;
    }

    /// <summary>
    /// Something failed. What was done before is kept where the weights are still those of whole steps and the logs hold their rows;
    /// otherwise the steps since the last checkpoint are done again, to the same bytes. A run without any work leaves nothing.
    /// </summary>
    /// <param name="isWhole">Whether the weights are those of whole steps.</param>
    public void Rescue(bool isWhole)
    {
        if (isWhole && logged == Done && Done > saved)
        {
#pragma warning disable CA1031 // whatever else fails now, the first failure is the one to tell
            try
            {
                Save();
            }
            catch (Exception e)
            {
                events.Warning?.Invoke($"the {Done} steps that are done could not be saved: {e.Message}");
            }
#pragma warning restore CA1031
        }
        if (Done == 0)
            run.Abandon();
        if (Done > 0 || (Directory.Exists(run.Folder) && RunEntries.HasWork(run.Folder)))
            events.Warning?.Invoke(
                $"{(saved == 0 ? "no step is saved" : $"the run is saved after {saved} of the {Done} steps that were done")}; when the "
                    + $"cause is mended go on with: g2rl export-and-train --resume {run.Folder}");
    }

    private int Restore(bool evaluates)
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
            optimizer.Load(checkpoint.Folder);
            curriculum?.Load(checkpoint.Folder);
            entropy?.Load(checkpoint.Folder);
            history?.Load(checkpoint.Folder, done);
        }
        run.RewindTo(done);
        foreach (var word in border.MissingRows(evaluates))
            events.Warning?.Invoke(word);
        return done;
    }

    private void RequireRoom()
    {
        if (Done < config.Steps)
            run.Checkpoints.RequireRoom(
                Bytes,
                1 + ((config.Steps - Done) / config.Training.CheckpointEvery),
                inputs.Policy.ParameterCount * sizeof(float));
    }
}
