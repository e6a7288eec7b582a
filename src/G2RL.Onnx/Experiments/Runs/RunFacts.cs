using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Resuming;

namespace G2RL.Onnx.Experiments.Runs;

/// <summary>What a run's folder tells: its settings, how far it came, its evaluations, and the disk that it takes.</summary>
public sealed class RunFacts
{
    private static readonly string[] Parts =
        [RunEntries.Checkpoints, RunEntries.Model, RunEntries.Rollouts, RunEntries.Artifacts];

    private RunFacts(string folder)
    {
        var logs = RunLogs.Read(folder);
        (Folder, Name) = (folder, Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))));
        Settings = logs.Config;
        Planned = logs.PlannedSteps;
        LastMetrics = logs.Metrics.Count > 0 ? logs.Metrics[^1] : null;
        Done = Math.Max(logs.Metrics.Count, new CheckpointStore(Path.Combine(folder, RunEntries.Checkpoints), keep: 1).Newest ?? 0);
        Before = logs.Evaluations.Count > 0 ? PassAt1(logs.Evaluations[0], 0) : null;
        After = logs.Evaluations.Count > 1 ? PassAt1(logs.Evaluations[^1], 1) : null;
        State = FolderLock.IsHeld(folder) ? RunState.AtWork
            : Done == 0 ? RunState.Unbegun
            : Done >= Planned && Directory.Exists(Path.Combine(folder, RunEntries.Model)) ? RunState.Complete : RunState.Interrupted;
        Begun = File.GetLastWriteTimeUtc(Path.Combine(folder, RunEntries.Environment)) is { Year: > 1990 } written
            ? written
            : Directory.GetCreationTimeUtc(folder);
        Bytes = SizesOf(folder);
    }

    /// <summary>The folder, as it was given.</summary>
    public string Folder { get; }

    /// <summary>Its last part.</summary>
    public string Name { get; }

    /// <summary>The resolved configuration.</summary>
    public JsonObject Settings { get; }

    /// <summary>Steps that are done.</summary>
    public int Done { get; }

    /// <summary>Steps that it is to have.</summary>
    public int Planned { get; }

    /// <summary>How far it is.</summary>
    public RunState State { get; }

    /// <summary>When its folder was begun, UTC.</summary>
    public DateTime Begun { get; }

    /// <summary>pass@1 of the first evaluation, made after 0 steps; null where there is none.</summary>
    public Interval? Before { get; }

    /// <summary>pass@1 of the last evaluation after a step; null where there is none.</summary>
    public Interval? After { get; }

    /// <summary>The row of the last step in metrics.jsonl, or null.</summary>
    public JsonObject? LastMetrics { get; }

    /// <summary>Bytes on the disk by part: checkpoints, model, rollouts, artifacts, other.</summary>
    public IReadOnlyDictionary<string, long> Bytes { get; }

    /// <summary>Bytes of all parts.</summary>
    public long TotalBytes => Bytes.Values.Sum();

    /// <summary>A setting as text, by its dotted name; empty where it is missing.</summary>
    public string Setting(string name)
    {
        JsonNode? at = Settings;
        foreach (var part in name.Split('.'))
            at = (at as JsonObject)?[part];
        return at is JsonValue value && value.TryGetValue<string>(out var text) ? text : at?.ToJsonString() ?? "";
    }

    /// <summary>Whether a folder holds a run.</summary>
    public static bool IsRun(string folder) => RunEntries.IsRun(folder);

    /// <summary>Reads a run's folder.</summary>
    /// <exception cref="InputException">It holds no run.</exception>
    public static RunFacts Read(string folder) => IsRun(folder)
        ? new(folder)
        : throw new InputException($"{folder} holds no run. Give the folder of a run, for example runs/20260101-120000-run.");

    /// <summary>The runs below a folder (and below folders in it that are no runs), by the time at which they were begun.</summary>
    /// <param name="root">For example <c>runs</c>.</param>
    /// <param name="broken">Told of runs whose logs cannot be read.</param>
    /// <exception cref="InputException">There is no such folder.</exception>
    public static IReadOnlyList<RunFacts> Below(string root, Action<string>? broken = null)
    {
        if (!Directory.Exists(root))
            throw new InputException($"{root} is no folder; give the one that holds the runs (setting output, by default runs).");
        var found = new List<RunFacts>();
        void Look(string folder, int depth)
        {
            if (IsRun(folder))
                try
                {
                    found.Add(new(folder));
                }
                catch (Exception e) when (e is InputException or IOException or UnauthorizedAccessException)
                {
                    broken?.Invoke($"{folder} is passed over: {e.Message}");
                }
            else if (depth < 3)
                foreach (var inner in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
                    if (File.ResolveLinkTarget(inner, returnFinalTarget: false) is null)
                        Look(inner, depth + 1);
        }
        Look(root, 0);
        return [.. found.OrderBy(r => r.Begun).ThenBy(r => r.Folder, StringComparer.Ordinal)];
    }

    /// <summary>Settings of two runs that differ, by name, as JSON.</summary>
    public static IReadOnlyList<(string Name, string First, string Second)> Differences(RunFacts first, RunFacts second)
    {
        var (a, b) = (ConfigSettings.Flat(first.Settings), ConfigSettings.Flat(second.Settings));
        return [.. a.Keys.Union(b.Keys).Order(StringComparer.Ordinal)
            .Select(k => (k, a.GetValueOrDefault(k, "(none)"), b.GetValueOrDefault(k, "(none)")))
            .Where(d => d.Item2 != d.Item3)];
    }

    private static Interval? PassAt1(JsonObject row, int fromStep) =>
        RunLogs.Number(row, "pass@1") is { } mean && RunLogs.Number(row, "step") >= fromStep
            ? new(mean, RunLogs.Number(row, "pass@1_low") ?? mean, RunLogs.Number(row, "pass@1_high") ?? mean)
            : null;

    private static Dictionary<string, long> SizesOf(string folder)
    {
        var sizes = Parts.Append("other").ToDictionary(p => p, _ => 0L, StringComparer.Ordinal);
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
        }))
        {
            var first = Path.GetRelativePath(folder, file.FullName).Split(Path.DirectorySeparatorChar)[0];
            sizes[sizes.ContainsKey(first) ? first : "other"] += file.Length;
        }
        return sizes;
    }
}
