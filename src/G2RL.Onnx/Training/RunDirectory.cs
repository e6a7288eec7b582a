using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Training;

/// <summary>
/// A run's folder: config.json, environment.json, append-only metrics.jsonl, evaluations.jsonl and rollouts/, checkpoints/ and report.html. One process at
/// a time holds it. On resume the logs are cut back to the checkpoint, so a killed and resumed run writes the same rows as one that was left alone.
/// </summary>
public sealed class RunDirectory : IDisposable
{
    private readonly FileStream guard;

    private RunDirectory(string folder, RunConfig config, FileStream guard)
    {
        (Folder, Config, this.guard) = (folder, config, guard);
        Checkpoints = new CheckpointStore(Path.Combine(folder, "checkpoints"), config.Training.KeepCheckpoints);
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

    /// <summary>Starts a run in a new folder <c>output/utc-name</c>, or in the folder given.</summary>
    /// <exception cref="InputException">The folder holds a run already, or cannot be written.</exception>
    public static RunDirectory Create(RunConfig config, TimeProvider clock, string? folder = null)
    {
        try
        {
            if (folder is null)
            {
                var stem = Path.Combine(config.Output, string.Create(CultureInfo.InvariantCulture, $"{clock.GetUtcNow():yyyyMMdd-HHmmss}-{config.Name}"));
                folder = stem;
                for (var i = 2; Path.Exists(folder); i++)
                    folder = $"{stem}-{i}";
            }
            else if (File.Exists(Path.Combine(folder, "config.json")))
            {
                throw new InputException($"{folder} holds a run already. Continue it with --resume, or choose another folder.");
            }
            Directory.CreateDirectory(Path.Combine(folder, "rollouts"));
            Directory.CreateDirectory(Path.Combine(folder, "checkpoints"));
            var held = Lock(folder);
            DurableFile.Write(Path.Combine(folder, "environment.json"), RunEnvironment.Describe().ToJsonString(Indented) + "\n");
            DurableFile.Write(Path.Combine(folder, "config.json"), RunConfigFile.ToJson(config));
            return new(folder, config, held);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"The run folder {folder ?? config.Output} cannot be written: {e.Message} Choose another with --set output=FOLDER.", e);
        }
    }

    /// <summary>Opens a run that was interrupted.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="expected">The configuration asked for now; null accepts the run's own.</param>
    /// <exception cref="InputException">No run there, another configuration, or another process at work in it.</exception>
    public static RunDirectory Resume(string folder, RunConfig? expected)
    {
        var path = Path.Combine(folder, "config.json");
        if (!File.Exists(path))
            throw new InputException($"{folder} holds no run (there is no config.json). Give the folder of a run, for example runs/20260101-120000-run.");
        var config = RunConfigFile.FromJson(File.ReadAllText(path), path);
        if (expected is not null && RunConfigFile.Fingerprint(expected) != RunConfigFile.Fingerprint(config))
            throw new InputException($"{folder} was started with another configuration: {string.Join("; ", RunConfigFile.Differences(config, expected))}. Resume with the same one, or start a new run.");
        var run = new RunDirectory(folder, config, Lock(folder));
        run.Checkpoints.RemoveLeftovers();
        return run;
    }

    /// <summary>Cuts the logs back to what was written before a step; a torn last line goes too.</summary>
    public void RewindTo(int step)
    {
        JsonLinesLog.Rewind(MetricsPath, row => row < step);
        // An evaluation of step s is made after s updates, so that of the checkpoint itself is kept.
        JsonLinesLog.Rewind(EvaluationsPath, row => row <= step);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Folder, "rollouts"), "step-*.jsonl"))
            if (int.TryParse(Path.GetFileNameWithoutExtension(file)["step-".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var logged) && logged >= step)
                File.Delete(file);
    }

    /// <summary>Appends a row of metrics.</summary>
    public void Append(StepMetrics metrics) => JsonLinesLog.Append(MetricsPath, metrics.ToJson());

    /// <summary>Appends a row of evaluations.</summary>
    public void AppendEvaluation(JsonObject row) => JsonLinesLog.Append(EvaluationsPath, row);

    /// <summary>Writes the rollouts of a step.</summary>
    public void WriteRollouts(int step, IEnumerable<JsonObject> rows) =>
        DurableFile.Write(Path.Combine(Folder, "rollouts", $"step-{step:D6}.jsonl"), string.Concat(rows.Select(r => r.ToJsonString(JsonLinesLog.Compact) + "\n")));

    /// <inheritdoc/>
    public void Dispose()
    {
        guard.Dispose();
        File.Delete(guard.Name);
    }

    private static JsonSerializerOptions Indented { get; } = new() { WriteIndented = true, NewLine = "\n" };

    private static FileStream Lock(string folder)
    {
        var path = Path.Combine(folder, ".lock");
        try
        {
            var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.None);
            stream.SetLength(0);
            stream.Write(System.Text.Encoding.UTF8.GetBytes($"{Environment.ProcessId}\n"));
            stream.Flush();
            return stream;
        }
        catch (IOException e)
        {
            throw new InputException($"Another process is at work in {folder} (its lock {path} is held). Wait for it, or start a run in another folder.", e);
        }
    }
}

/// <summary>Files that are whole or absent: written aside, flushed to the disk, renamed.</summary>
internal static class DurableFile
{
    /// <summary>Writes a text.</summary>
    public static void Write(string path, string text)
    {
        var aside = path + ".tmp";
        using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(text));
            stream.Flush(flushToDisk: true);
        }
        File.Move(aside, path, overwrite: true);
    }

    /// <summary>Flushes a folder's entries, so that a rename survives a power cut. Linux and macOS; elsewhere the file system sees to it.</summary>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        var descriptor = Native.Open(folder, 0);
        if (descriptor < 0)
            return;
        _ = Native.Fsync(descriptor);
        _ = Native.Close(descriptor);
    }

    private static class Native
    {
        [DllImport("libc", EntryPoint = "open", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Open(string path, int flags);

        [DllImport("libc", EntryPoint = "fsync")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Fsync(int descriptor);

        [DllImport("libc", EntryPoint = "close")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Close(int descriptor);
    }
}
