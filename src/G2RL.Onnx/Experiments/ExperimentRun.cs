using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Experiments;

/// <summary>What a listener is told while an experiment is at work. Every member may be left out; calls come from any thread.</summary>
public sealed record ExperimentEvents
{
    /// <summary>Something that deserves a word.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>A run or a base model is measured: its row of results.jsonl. Rows of earlier lives are not told again.</summary>
    public Action<JsonObject>? Finished { get; init; }

    /// <summary>A run has made a step or an evaluation: the row of its own log.</summary>
    public Action<ExperimentCell, JsonObject>? Logged { get; init; }

    /// <summary>How far all is: the share in [0, 1], runs finished, runs in all.</summary>
    public Action<double, int, int>? Progress { get; init; }
}

/// <summary>How an experiment ended.</summary>
/// <param name="Rows">The rows of results.jsonl.</param>
/// <param name="Failed">Runs that diverged, with why; they are tried again on a restart.</param>
/// <param name="Skipped">Runs that were finished before.</param>
/// <param name="Completed">False when it was cancelled; every run is saved and goes on when the experiment is started again.</param>
public sealed record ExperimentOutcome(
    IReadOnlyList<JsonObject> Rows,
    IReadOnlyList<(ExperimentCell Cell, string Why)> Failed,
    int Skipped,
    bool Completed);

/// <summary>Has a run trained into its folder, by whoever can; returns when it is done.</summary>
/// <param name="output">The experiment's folder.</param>
/// <param name="cell">The run.</param>
/// <param name="cancel">Cancels; what was done is saved.</param>
public delegate void CellRunner(string output, ExperimentCell cell, CancellationToken cancel);

/// <summary>
/// Runs an experiment: several runs side by side in one process, each on threads of its own. Finished runs are skipped, unfinished ones go
/// on from their last checkpoint, so an experiment that was killed and started again ends in the same results.
/// </summary>
public sealed class ExperimentRun
{
    private readonly ExperimentFolder folder;
    private readonly ExperimentEvents events;
    private readonly int threadsEach;
    private readonly Lock gate = new();
    private readonly Dictionary<ExperimentCell, double> shares = [];
    private readonly List<(ExperimentCell, string)> failed = [];
    private readonly HashSet<string> warnings = [];
    private int finished;

    private readonly CellRunner? elsewhere;

    private ExperimentRun(ExperimentFolder folder, ExperimentEvents events, int threadsEach, CellRunner? elsewhere) =>
        (this.folder, this.events, this.threadsEach, this.elsewhere) = (folder, events, threadsEach, elsewhere);

    /// <summary>Runs what is not finished.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="output">Its folder, new or from an earlier life; one process at a time holds it.</param>
    /// <param name="parallel">Runs side by side, >= 1.</param>
    /// <param name="threadsEach">Threads of each run, >= 1, where its configuration says 0.</param>
    /// <param name="events">What to tell while at work.</param>
    /// <param name="elsewhere">Has runs trained by others; null trains them here.</param>
    /// <param name="cancel">Cancels at the next safe point of every run; all are saved.</param>
    /// <exception cref="InputException">A fault in the experiment; a run in the folder that was begun with other settings; a full
    /// disk.</exception>
    public static ExperimentOutcome Execute(
        Experiment experiment,
        string output,
        int parallel,
        int threadsEach,
        ExperimentEvents? events = null,
        CellRunner? elsewhere = null,
        CancellationToken cancel = default)
    {
        var files = new ExperimentFolder(output, experiment);
        try
        {
            Directory.CreateDirectory(output);
            using var held = FolderLock.Take(output);
            RequireSameRuns(files);
            DurableFile.Write(Path.Combine(output, "experiment.json"), ExperimentFile.ToJson(experiment));
            return new ExperimentRun(files, events ?? new(), threadsEach, elsewhere).Execute(parallel, cancel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"The experiment's folder {output} cannot be used: "
                + $"{e.Message} Make room or correct its permissions, then start the same command again.", e);
        }
    }

    /// <summary>
    /// Trains one run of an experiment that another process has begun, or goes on with it: what a worker does for
    /// <see cref="CellRunner"/>.
    /// </summary>
    /// <param name="output">The experiment's folder, which holds experiment.json.</param>
    /// <param name="cell">Folder of the run within it.</param>
    /// <param name="threads">Threads, where the run's configuration says 0.</param>
    /// <param name="cancel">Cancels at the next safe point; the run is saved.</param>
    /// <exception cref="InputException">No such experiment or run, or another process is at it.</exception>
    /// <exception cref="NonFiniteException">The run diverged.</exception>
    public static void RunCell(string output, string cell, int threads, CancellationToken cancel)
    {
        var files = new ExperimentFolder(output, ExperimentFile.Load(Path.Combine(output, "experiment.json")));
        var found = files.Cells.FirstOrDefault(c => c.Folder == cell)
            ?? throw new InputException($"{output} holds no run {cell}; is it the same folder on every machine?");
        if (!files.IsFinished(found))
            new ExperimentRun(files, new(), threads, elsewhere: null).Train(found, cancel);
    }

    private static void RequireSameRuns(ExperimentFolder files)
    {
        var faults = files.Cells.Where(files.IsBegun).Select(c => (Cell: c, Differences: files.Differences(c))).Where(
            d => d.Differences.Count > 0)
            .Select(d => $"{files.Of(d.Cell)} was begun with other settings: {string.Join("; ", d.Differences)}. "
                + "Remove that folder, or give the experiment another --output.").ToArray();
        if (faults.Length > 0)
            throw InputException.Of(faults);
    }

    private ExperimentOutcome Execute(int parallel, CancellationToken cancel)
    {
        var open = folder.Cells.Where(c => !folder.IsFinished(c)).ToArray();
        var skipped = finished = folder.Cells.Count - open.Length;
        Tell();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        try
        {
            foreach (var start in folder.Experiment.Bases)
                MeasureBefore(start, parallel * threadsEach, stop.Token);
            var next = -1;
            Lanes.Run(Math.Clamp(parallel, 1, Math.Max(1, open.Length)), _ =>
            {
                while (!stop.IsCancellationRequested && Interlocked.Increment(ref next) is var i && i < open.Length)
                    RunOrStop(open[i], stop);
            });
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Told by the outcome.
        }
        return new(folder.WriteResults(), failed, skipped, !cancel.IsCancellationRequested);
    }

    // What is wrong with one run and may be wrong with all (a full disk, a missing model) ends them all; a run that diverges is a result.
    private void RunOrStop(ExperimentCell cell, CancellationTokenSource stop)
    {
        try
        {
            Run(cell, stop.Token);
        }
        catch (NonFiniteException e)
        {
            lock (gate)
                failed.Add((cell, e.Message));
            events.Warning?.Invoke($"{cell}: {e.Message}");
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Saved; another lane's failure or the user's wish is told elsewhere.
        }
        catch
        {
            stop.Cancel();
            throw;
        }
    }

    private void Run(ExperimentCell cell, CancellationToken cancel)
    {
        if (elsewhere is null)
            Train(cell, cancel);
        else
            elsewhere(folder.Path, cell, cancel);
        lock (gate)
        {
            finished++;
            shares.Remove(cell);
            folder.WriteResults();
        }
        Tell();
        events.Finished?.Invoke(folder.RowOf(cell));
    }

    private void Train(ExperimentCell cell, CancellationToken cancel)
    {
        var path = folder.Of(cell);
        var threads = cell.Config.Execution.Threads > 0 ? cell.Config.Execution.Threads : threadsEach;
        var config = cell.Config with { Execution = cell.Config.Execution with { Threads = threads } };
        using var run = folder.IsBegun(cell)
            ? RunDirectory.Resume(path, null)
            : RunDirectory.Create(MemoryFit.Resolved(config), TimeProvider.System, path);
        var share = new RunShare(cell.Config, done => Tell(cell, done));
        using var trainer = new Trainer(run.Config, events: share.Listen(new()
        {
            Warning = w => WarnOnce($"{cell.Base} / {cell.Arm}: {w}"),
            Step = m => events.Logged?.Invoke(cell, m.ToJson()),
            Evaluation = e => events.Logged?.Invoke(cell, e),
        }));
        if (run.Evaluation(0) is null && folder.BeforeEvaluation(cell.Base, cell.Config) is { } before)
            run.AppendEvaluation(before);
        if (!trainer.Run(run, cancel).Completed)
            throw new OperationCanceledException(cancel);
        if (!folder.HasGeometry(path, cell.Config))
            folder.WriteGeometry(path, trainer.MeasureGeometry(cell.Config.Steps, folder.Experiment.Geometry!, cancel));
    }

    private void MeasureBefore(ExperimentVariant start, int threads, CancellationToken cancel)
    {
        var config = RunConfigFile.Parse(ExperimentCell.Merged(folder.Experiment.Run, start.Settings), start.Name) with
        {
            Name = ExperimentCell.Before,
        };
        if (folder.BeforeEvaluation(start.Name, config) is not null && folder.HasGeometry(folder.Before(start.Name), config))
            return;
        using var inputs = new RunInputs(config with { Execution = config.Execution with { Threads = threads } }, problems: null);
        inputs.CheckHeldOut(Math.Max(config.Evaluation.Problems, folder.Experiment.Geometry?.Problems ?? 0));
        var evaluation = Evaluator.Run(inputs, config.Evaluation, step: 0, progress: null, cancel).ToJson();
        folder.WriteBefore(start.Name, config, evaluation, folder.Experiment.Geometry is { } settings
            ? GeometryMeasurement.Run(inputs, config, settings, step: 0, progress: null, cancel)
            : []);
        events.Finished?.Invoke(folder.WriteResults()
            .Last(r => RunLogs.Text(r, "base") == start.Name && RunLogs.Text(r, "arm") == ExperimentCell.Before));
    }

    // Every seed would say the same.
    private void WarnOnce(string text)
    {
        lock (gate)
            if (!warnings.Add(text))
                return;
        events.Warning?.Invoke(text);
    }

    private void Tell(ExperimentCell cell, double share)
    {
        lock (gate)
            shares[cell] = share;
        Tell();
    }

    private void Tell()
    {
        lock (gate)
            events.Progress?.Invoke((finished + shares.Values.Sum()) / folder.Cells.Count, finished, folder.Cells.Count);
    }
}
