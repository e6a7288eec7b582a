using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Trackers;

namespace G2RL.Onnx.Training.Resuming;

/// <summary>The entries of a run's folder: what makes a folder a run, when one was never begun, and how that one goes.</summary>
internal static class RunEntries
{
    public const string Config = "config.json";
    public const string Environment = "environment.json";
    public const string Metrics = "metrics.jsonl";
    public const string Evaluations = "evaluations.jsonl";
    public const string Rollouts = "rollouts";
    public const string Checkpoints = "checkpoints";
    public const string Model = "model";
    public const string Artifacts = "artifacts";

    private static readonly string[] Files =
    [
        Environment, RunIdentity.FileName, RunChanges.FileName, Metrics, Evaluations, MlflowTracker.IdFile, "report.html",
    ];

    private static readonly string[] Folders =
        [Rollouts, StepNumbering.Aside, Checkpoints, Artifacts, Artifacts + ".tmp", RunTrackers.TensorBoardFolder];

    /// <summary>Whether a folder is a run's; models have a config.json, too.</summary>
    public static bool IsRun(string folder) => File.Exists(Path.Combine(folder, Config))
        && (File.Exists(Path.Combine(folder, FolderLock.FileName)) || Directory.Exists(Path.Combine(folder, Checkpoints)));

    /// <summary>
    /// Whether not a step of a run is done, so that nothing is lost when another begins in its folder. Only for what this program wrote.
    /// </summary>
    public static bool IsUnbegun(string folder) => File.Exists(Path.Combine(folder, FolderLock.FileName))
        && HasRunConfig(folder)
            && !HasRows(folder, Metrics)
        && !HasCheckpoint(folder)
        && !Directory.Exists(Path.Combine(folder, Model))
        && Foreign(folder, mayHoldRun: true) is null;

    /// <summary>Whether a run has written anything that took work: a step, an evaluation or a checkpoint.</summary>
    public static bool HasWork(string folder) => !IsUnbegun(folder) || HasRows(folder, Evaluations);

    /// <summary>The first entry that no run put there; null when there is none.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="mayHoldRun">Whether a run's own entries are none of these.</param>
    public static string? Foreign(
        string folder,
        bool mayHoldRun) => Directory.EnumerateFileSystemEntries(folder).Select(p => Path.GetFileName(p)!)
        .Where(n => n is not FolderLock.FileName and not Config + ".tmp"
            && !(mayHoldRun && (n == Config || Files.Contains(n) || Files.Any(f => n == f + ".tmp") || Folders.Contains(n))))
        .Order(StringComparer.Ordinal).FirstOrDefault();

    /// <summary>
    /// Removes everything that a run put into its folder but the lock; config.json last, so that the rest is found again when this is cut
    /// short.
    /// </summary>
    public static void Clear(string folder)
    {
        foreach (var name in Folders)
            Delete(Path.Combine(folder, name));
        foreach (var name in Files.Append(Config))
        {
            File.Delete(Path.Combine(folder, name + ".tmp"));
            File.Delete(Path.Combine(folder, name));
        }
    }

    /// <summary>Removes a folder with all in it, if it is there.</summary>
    public static void Delete(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    private static bool HasRunConfig(string folder)
    {
        var path = Path.Combine(folder, Config);
        try
        {
            _ = RunConfigFile.FromJson(InputFile.Text(path), path);
            return true;
        }
        catch (InputException)
        {
            return false;
        }
    }

    private static bool HasRows(string folder, string log) => JsonLinesLog.Read(Path.Combine(folder, log)).Any();

    private static bool HasCheckpoint(string folder) =>
        Directory.Exists(Path.Combine(folder, Checkpoints))
            && Directory.EnumerateDirectories(Path.Combine(folder, Checkpoints), "step-*").Any();
}
