using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Resuming;

namespace G2RL.Onnx.Experiments.Runs;

/// <summary>What of a run may go.</summary>
/// <param name="KeepCheckpoints">Newest checkpoints that stay; 0 lets all go, of complete runs alone.</param>
/// <param name="Artifacts">Whether the graphs go; a resumption writes them again.</param>
/// <param name="Rollouts">Whether the logged rollouts go; nothing brings them back.</param>
/// <param name="Whole">Whether the whole folder goes.</param>
public sealed record PruneSettings(int KeepCheckpoints = 1, bool Artifacts = false, bool Rollouts = false, bool Whole = false);

/// <summary>One thing that goes.</summary>
/// <param name="Path">File or folder.</param>
/// <param name="Bytes">What it takes.</param>
public sealed record PruneItem(string Path, long Bytes);

/// <summary>Frees the disk of what a run does not need any more. A run at work is never touched.</summary>
public static class RunPruning
{
    /// <summary>What would go of a run; empty of one at work.</summary>
    public static IReadOnlyList<PruneItem> Plan(RunFacts run, PruneSettings settings)
    {
        if (run.State == RunState.AtWork)
            return [];
        if (settings.Whole)
            return [new(run.Folder, run.TotalBytes)];
        var keep = run.State == RunState.Complete ? settings.KeepCheckpoints : Math.Max(1, settings.KeepCheckpoints);
        string In(string part) => System.IO.Path.Combine(run.Folder, part);
        var checkpoints = Directory.Exists(In(RunEntries.Checkpoints))
            ? Directory.EnumerateDirectories(In(RunEntries.Checkpoints), "step-*").Order(StringComparer.Ordinal).SkipLast(keep)
            : [];
        return
        [
            .. checkpoints.Select(c => new PruneItem(c, SizeOf(c))),
            .. new[] { (settings.Artifacts, RunEntries.Artifacts), (settings.Rollouts, RunEntries.Rollouts) }
                .Where(part => part.Item1 && Directory.Exists(In(part.Item2)) && SizeOf(In(part.Item2)) > 0)
                .Select(part => new PruneItem(In(part.Item2), SizeOf(In(part.Item2)))),
        ];
    }

    /// <summary>Removes what was planned, with the run's folder held.</summary>
    /// <exception cref="InputException">A process is at work in it by now, or something cannot be removed.</exception>
    public static void Apply(RunFacts run, IReadOnlyList<PruneItem> items)
    {
        if (items.Count == 0)
            return;
        try
        {
            using var held = FolderLock.Take(run.Folder);
            foreach (var item in items)
                if (item.Path != run.Folder)
                    Directory.Delete(item.Path, recursive: true);
                else
                {
                    // The configuration last: what is left when this is cut short is still a run that can be removed.
                    foreach (var inner in Directory.EnumerateDirectories(run.Folder))
                        Directory.Delete(inner, recursive: true);
                    foreach (var file in Directory.EnumerateFiles(run.Folder)
                        .Where(f => System.IO.Path.GetFileName(f) != FolderLock.FileName)
                        .OrderBy(f => System.IO.Path.GetFileName(f) == RunEntries.Config))
                        File.Delete(file);
                    held.Remove();
                    Directory.Delete(run.Folder);
                }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{run.Folder} cannot be cleared: {e.Message} Correct its permissions and give the command again.", e);
        }
    }

    private static long SizeOf(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);
}
