using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Resuming;
using G2RL.Onnx.Training.Trackers;

namespace G2RL.Onnx.Training;

/// <summary>
/// A run's folder: config.json, environment.json, inputs.json, append-only metrics.jsonl, evaluations.jsonl, changes.jsonl and rollouts/,
/// checkpoints/ and report.html. One process at a time holds it. On resume the logs are cut back to the checkpoint, so a killed and resumed
/// run writes the same rows as one that was left alone.
/// </summary>
public sealed class RunDirectory : IDisposable
{
    private readonly FolderLock guard;
    private readonly bool isNew;
    private readonly bool isFolderNew;
    private readonly RunTrackers trackers;
    private bool isComplete;

    private RunDirectory(string folder, RunConfig config, FolderLock guard, bool isNew = false, bool isFolderNew = false)
    {
        (Folder, Config, this.guard, this.isNew, this.isFolderNew) = (folder, config, guard, isNew, isFolderNew);
        Checkpoints = new CheckpointStore(In(RunEntries.Checkpoints), config.Training.KeepCheckpoints);
        trackers = RunTrackers.Of(config, folder, MetricsPath, EvaluationsPath, TimeProvider.System);
        Directory.CreateDirectory(In(RunEntries.Rollouts));
        Directory.CreateDirectory(In(RunEntries.Checkpoints));
        if (!File.Exists(In(RunEntries.Environment)))
            DurableFile.Write(In(RunEntries.Environment), RunEnvironment.ToJson());
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>
    /// The configuration: the one that the run was started with, and from a resumption on the one that was asked for there.
    /// </summary>
    public RunConfig Config { get; }

    /// <summary>Its checkpoints.</summary>
    public CheckpointStore Checkpoints { get; }

    /// <summary>What deserves a word about the folder that was found; empty when nothing does.</summary>
    public string Note { get; private init; } = "";

    /// <summary>Path of metrics.jsonl.</summary>
    public string MetricsPath => In(RunEntries.Metrics);

    /// <summary>Path of evaluations.jsonl.</summary>
    public string EvaluationsPath => In(RunEntries.Evaluations);

    /// <summary>Settings that were others when the run's folder was written.</summary>
    internal IReadOnlyList<SettingChange> Changes { get; private init; } = [];

    /// <summary>
    /// Starts a run in a new folder <c>output/utc-name</c>, or in the folder given, which must be new, empty, or that of a run without a
    /// step.
    /// </summary>
    /// <exception cref="InputException">The folder holds a run or anything else already, another process is at work in it, or it cannot be
    /// written.</exception>
    public static RunDirectory Create(
        RunConfig config,
        TimeProvider clock,
        string? folder = null) => Guarded(folder ?? config.Output, Unbegun, () =>
    {
        if (File.Exists(folder ?? config.Output))
            throw new InputException($"The run folder {folder ?? config.Output} cannot be used: it is a file, and "
                + $"{(folder is null ? "output" : "--run")} must be a folder. Choose another with --run or --set output=FOLDER.");
        if (folder is not null)
        {
            var found = Directory.Exists(folder);
            Directory.CreateDirectory(folder);
            return Begin(folder, config, FolderLock.Take(folder), isFolderNew: !found);
        }
        var stem = Path.Combine(
            config.Output,
            string.Create(CultureInfo.InvariantCulture, $"{clock.GetUtcNow():yyyyMMdd-HHmmss}-{config.Name}"));
        for (var i = 1; ; i++)
        {
            var candidate = i == 1 ? stem : $"{stem}-{i}";
            if (Path.Exists(candidate))
                continue;
            Directory.CreateDirectory(candidate);
            // Without the lock another run was faster by a moment: on to the next name.
            if (FolderLock.TryTake(candidate) is { } held)
                return Begin(candidate, config, held, isFolderNew: true);
        }
    });

    /// <summary>Opens a run that was interrupted.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="expected">The configuration asked for now, which may differ where no step that is done would have been another; null
    /// accepts the run's own.</param>
    /// <exception cref="InputException">No run there, another configuration, or another process at work in it.</exception>
    public static RunDirectory Resume(string folder, RunConfig? expected) => Guarded(folder, () => WayOut(folder), () =>
    {
        var path = ConfigOf(folder);
        var held = FolderLock.Take(folder);
        try
        {
            var own = RunConfigFile.FromJson(InputFile.Text(path), path);
            // Name and output only say where a run's folder is.
            var asked = expected is null ? own : expected with
            {
                Name = own.Name,
                Output = own.Output,
                Training = expected.Training.Settled(own.Training),
            };
            var isSaved = new CheckpointStore(Path.Combine(folder, RunEntries.Checkpoints), 1).Any;
            var changes = ResumableSettings.Changes(own, asked, any: !isSaved, folder);
            // The graphs are of the first settings.
            if (!isSaved && changes.Count > 0)
                RunEntries.Delete(Path.Combine(folder, RunEntries.Artifacts));
            var run = new RunDirectory(folder, asked, held) { Changes = changes };
            run.Checkpoints.RemoveLeftovers();
            return run;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    });

    /// <summary>Path of a run's configuration.</summary>
    /// <exception cref="InputException">The folder holds no run.</exception>
    public static string ConfigOf(string folder) => RunEntries.IsRun(folder)
        ? Path.Combine(folder, RunEntries.Config)
        : throw new InputException($"{folder} holds no run. Give the folder of a run, for example runs/20260101-120000-run.");

    /// <summary>Cuts the logs back to what belongs to the first <paramref name="step"/> steps; a torn last line goes too.</summary>
    public void RewindTo(int step) => Guarded(() =>
    {
        // Here, where nothing is refused any more.
        StepNumbering.Upgrade(Folder);
        JsonLinesLog.Rewind(MetricsPath, row => row <= step);
        JsonLinesLog.Rewind(EvaluationsPath, row => row <= step);
        foreach (var (logged, file) in StepNumbering.RolloutFiles(Folder))
            if (logged > step)
                File.Delete(file);
        trackers.Follow();
    });

    /// <summary>The row of the evaluation made after a number of steps, or null when there is none.</summary>
    public JsonObject? Evaluation(int step) =>
        Guarded(
            Folder,
            () => WayOut(Folder),
            () => JsonLinesLog.Read(EvaluationsPath).LastOrDefault(row => JsonLinesLog.StepOf(row) == step));

    /// <summary>Appends a row of metrics.</summary>
    /// <exception cref="InputException">It cannot be written, for example because the disk is full.</exception>
    public void Append(StepMetrics metrics) => Append(MetricsPath, metrics.ToJson(), isEvaluation: false);

    /// <summary>Appends a row of evaluations.</summary>
    /// <exception cref="InputException">It cannot be written, for example because the disk is full.</exception>
    public void AppendEvaluation(JsonObject row) => Append(EvaluationsPath, row, isEvaluation: true);

    /// <summary>Writes the rollouts of a step.</summary>
    /// <exception cref="InputException">They cannot be written, for example because the disk is full.</exception>
    public void WriteRollouts(int step, IEnumerable<JsonObject> rows) => Guarded(() =>
        DurableFile.Write(
            In(Path.Combine(RunEntries.Rollouts, $"step-{step:D6}.jsonl")),
            JsonLinesLog.Lines(rows)));

    /// <summary>Tells the trackers, when the folder is closed, that every step was done.</summary>
    internal void Complete() => isComplete = true;

    /// <summary>Waits until the logs are on the disk: a checkpoint must not outlive the rows that lead up to it.</summary>
    public void FlushLogs() => Guarded(() =>
    {
        DurableFile.Flush(MetricsPath);
        DurableFile.Flush(EvaluationsPath);
    });

    /// <summary>
    /// Removes a run that was refused before it did anything, so that nothing stands in the corrected command's way; one with work in it,
    /// or resumed, stays.
    /// </summary>
    public void Abandon()
    {
        if (!isNew || RunEntries.HasWork(Folder))
            return;
        try
        {
            RunEntries.Clear(Folder);
            guard.Remove();
            if (isFolderNew && !Directory.EnumerateFileSystemEntries(Folder).Any())
                Directory.Delete(Folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It stays as a run without a step, in whose folder another may begin.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            trackers.End(isComplete);
        }
        catch (Exception e) when (e is InputException or IOException or UnauthorizedAccessException)
        {
            // How the run ended is in its own folder; where else it would be told is not worth another failure.
        }
        guard.Dispose();
    }

    /// <summary>Work on the folder, with the way out in the message where the disk refuses.</summary>
    internal void Guarded(Action work) => Guarded<object?>(Folder, () => WayOut(Folder), () =>
    {
        work();
        return null;
    });

    /// <summary>A path in the folder.</summary>
    internal string In(string name) => Path.Combine(Folder, name);

    private void Append(string log, JsonObject row, bool isEvaluation) => Guarded(() =>
    {
        JsonLinesLog.Append(log, row);
        trackers.Append(row, isEvaluation);
    });

    private static RunDirectory Begin(string folder, RunConfig config, FolderLock held, bool isFolderNew)
    {
        try
        {
            var unbegun = RunEntries.IsUnbegun(folder);
            if (RunEntries.IsRun(folder) && !unbegun)
                throw new InputException($"{folder} holds a run already. Go on with it by --resume, or choose another folder.");
            if (RunEntries.Foreign(folder, mayHoldRun: unbegun) is { } foreign)
                throw new InputException($"{folder} is not empty (it holds {foreign}); a run needs a folder of its own. Choose another.");
            var note = unbegun ? $"{folder} held a run without a step; this one begins in its place." : "";
            if (unbegun)
                RunEntries.Clear(folder);
            try
            {
                // First of all: a folder that has it can be resumed, one that lacks it can be started in.
                DurableFile.Write(Path.Combine(folder, RunEntries.Config), RunConfigFile.ToJson(config));
                return new(folder, config, held, isNew: true, isFolderNew) { Note = note };
            }
            catch
            {
                RunEntries.Clear(folder);
                if (isFolderNew)
                    held.Remove();
                throw;
            }
        }
        catch
        {
            held.Dispose();
            if (isFolderNew && !Directory.EnumerateFileSystemEntries(folder).Any())
                Directory.Delete(folder);
            throw;
        }
    }

    private static string Unbegun() => "Nothing was begun. Make room or correct its permissions and give the same command again, or "
        + "choose another folder with --run or --set output=FOLDER.";

    private static string WayOut(string folder)
    {
        var saved = new CheckpointStore(Path.Combine(folder, RunEntries.Checkpoints), 1).Newest;
        return "Make room or correct its permissions, then go on "
            + $"{(saved is null ? "(no step is saved yet)" : $"from step {saved}, which is saved,")} with: g2rl export-and-train --resume "
            + $"{folder}. "
            + "A run that is given up can be removed with its folder.";
    }

    private static T Guarded<T>(string folder, Func<string> wayOut, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"The run folder {folder} cannot be used: {e.Message} {wayOut()}", e);
        }
    }
}
