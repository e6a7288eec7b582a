using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training;

/// <summary>
/// A run's folder: config.json, environment.json, append-only metrics.jsonl, evaluations.jsonl and rollouts/, checkpoints/ and report.html. One process at
/// a time holds it. On resume the logs are cut back to the checkpoint, so a killed and resumed run writes the same rows as one that was left alone.
/// </summary>
public sealed class RunDirectory : IDisposable
{
    private const string ConfigFile = "config.json";
    private const string EnvironmentFile = "environment.json";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n" };

    private readonly FolderLock guard;

    private RunDirectory(string folder, RunConfig config, FolderLock guard)
    {
        (Folder, Config, this.guard) = (folder, config, guard);
        Checkpoints = new CheckpointStore(Path.Combine(folder, "checkpoints"), config.Training.KeepCheckpoints);
        Directory.CreateDirectory(RolloutsFolder);
        Directory.CreateDirectory(Path.Combine(folder, "checkpoints"));
        if (!File.Exists(Path.Combine(folder, EnvironmentFile)))
            DurableFile.Write(Path.Combine(folder, EnvironmentFile), RunEnvironment.Describe().ToJsonString(Indented) + "\n");
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>The configuration that the run was started with.</summary>
    public RunConfig Config { get; }

    /// <summary>Its checkpoints.</summary>
    public CheckpointStore Checkpoints { get; }

    /// <summary>Path of metrics.jsonl.</summary>
    public string MetricsPath => Path.Combine(Folder, "metrics.jsonl");

    /// <summary>Path of evaluations.jsonl.</summary>
    public string EvaluationsPath => Path.Combine(Folder, "evaluations.jsonl");

    private string RolloutsFolder => Path.Combine(Folder, "rollouts");

    /// <summary>Starts a run in a new folder <c>output/utc-name</c>, or in the folder given, which must be new or empty.</summary>
    /// <exception cref="InputException">The folder holds a run or anything else already, another process is at work in it, or it cannot be written.</exception>
    public static RunDirectory Create(RunConfig config, TimeProvider clock, string? folder = null) => Guarded(folder ?? config.Output, () =>
    {
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            return Begin(folder, config, FolderLock.Take(folder));
        }
        var stem = Path.Combine(config.Output, string.Create(CultureInfo.InvariantCulture, $"{clock.GetUtcNow():yyyyMMdd-HHmmss}-{config.Name}"));
        for (var i = 1; ; i++)
        {
            var candidate = i == 1 ? stem : $"{stem}-{i}";
            if (Path.Exists(candidate))
                continue;
            Directory.CreateDirectory(candidate);
            // Without the lock another run was faster by a moment: on to the next name.
            if (FolderLock.TryTake(candidate) is { } held)
                return Begin(candidate, config, held);
        }
    });

    /// <summary>Opens a run that was interrupted.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="expected">The configuration asked for now; null accepts the run's own.</param>
    /// <exception cref="InputException">No run there, another configuration, or another process at work in it.</exception>
    public static RunDirectory Resume(string folder, RunConfig? expected) => Guarded(folder, () =>
    {
        var path = ConfigOf(folder);
        var held = FolderLock.Take(folder);
        try
        {
            var config = RunConfigFile.FromJson(InputFile.Text(path), path);
            // Name and output only say where a run's folder is.
            var differences = expected is null ? [] : RunConfigFile.Differences(config, expected with { Name = config.Name, Output = config.Output });
            if (differences.Count > 0)
                throw new InputException($"{folder} was started with another configuration: {string.Join("; ", differences)}. Resume with the same one, or start a new run.");
            var run = new RunDirectory(folder, config, held);
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
    public static string ConfigOf(string folder) => IsRun(folder)
        ? Path.Combine(folder, ConfigFile)
        : throw new InputException($"{folder} holds no run. Give the folder of a run, for example runs/20260101-120000-run.");

    /// <summary>Cuts the logs back to what belongs to the first <paramref name="step"/> steps; a torn last line goes too.</summary>
    public void RewindTo(int step) => Guarded(Folder, () =>
    {
        JsonLinesLog.Rewind(MetricsPath, row => row < step);
        // An evaluation of step s is made after s updates, so that of the checkpoint itself is kept.
        JsonLinesLog.Rewind(EvaluationsPath, row => row <= step);
        foreach (var file in Directory.EnumerateFiles(RolloutsFolder, "step-*.jsonl"))
            if (int.TryParse(Path.GetFileNameWithoutExtension(file)["step-".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var logged) && logged >= step)
                File.Delete(file);
        return true;
    });

    /// <summary>The row of the evaluation made after a number of steps, or null when there is none.</summary>
    public JsonObject? Evaluation(int step) => Guarded(Folder, () => JsonLinesLog.Read(EvaluationsPath).LastOrDefault(row => JsonLinesLog.StepOf(row) == step));

    /// <summary>Appends a row of metrics.</summary>
    /// <exception cref="InputException">It cannot be written, for example because the disk is full.</exception>
    public void Append(StepMetrics metrics) => Append(MetricsPath, metrics.ToJson());

    /// <summary>Appends a row of evaluations.</summary>
    /// <exception cref="InputException">It cannot be written, for example because the disk is full.</exception>
    public void AppendEvaluation(JsonObject row) => Append(EvaluationsPath, row);

    /// <summary>Writes the rollouts of a step.</summary>
    /// <exception cref="InputException">They cannot be written, for example because the disk is full.</exception>
    public void WriteRollouts(int step, IEnumerable<JsonObject> rows) => Guarded(Folder, () =>
    {
        DurableFile.Write(Path.Combine(RolloutsFolder, $"step-{step:D6}.jsonl"), string.Concat(rows.Select(r => r.ToJsonString(JsonLinesLog.Compact) + "\n")));
        return true;
    });

    /// <summary>Waits until the logs are on the disk: a checkpoint must not outlive the rows that lead up to it.</summary>
    public void FlushLogs() => Guarded(Folder, () =>
    {
        DurableFile.Flush(MetricsPath);
        DurableFile.Flush(EvaluationsPath);
        return true;
    });

    /// <inheritdoc/>
    public void Dispose() => guard.Dispose();

    private static RunDirectory Begin(string folder, RunConfig config, FolderLock held)
    {
        try
        {
            var present = Directory.EnumerateFileSystemEntries(folder).Select(p => Path.GetFileName(p)!).Where(n => n is not FolderLock.FileName and not ConfigFile + ".tmp").ToArray();
            if (IsRun(folder))
                throw new InputException($"{folder} holds a run already. Go on with it by --resume, or choose another folder.");
            if (present.Length > 0)
                throw new InputException($"{folder} is not empty (it holds {present.Order(StringComparer.Ordinal).First()}); a run needs a folder of its own. Choose another.");
            // First of all: a folder that has it can be resumed, one that lacks it can be started in.
            DurableFile.Write(Path.Combine(folder, ConfigFile), RunConfigFile.ToJson(config));
            return new(folder, config, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    // Models have a config.json, too.
    private static bool IsRun(string folder) =>
        File.Exists(Path.Combine(folder, ConfigFile)) && (File.Exists(Path.Combine(folder, FolderLock.FileName)) || Directory.Exists(Path.Combine(folder, "checkpoints")));

    private void Append(string path, JsonObject row) => Guarded(Folder, () =>
    {
        JsonLinesLog.Append(path, row);
        return true;
    });

    private static T Guarded<T>(string folder, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"The run folder {folder} cannot be used: {e.Message} Make room or correct its permissions and go on with --resume, or choose another folder with --run or --set output=FOLDER.", e);
        }
    }
}
