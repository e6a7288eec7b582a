using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Training.Checkpointing;

/// <summary>Checkpoints of a run: written aside, flushed, renamed; the last N are kept; each file's SHA-256 stands in state.json.</summary>
/// <param name="folder">The folder that holds them.</param>
/// <param name="keep">How many are kept, >= 1.</param>
/// <param name="freeBytes">Free bytes on a folder's disk; null asks the operating system.</param>
public sealed class CheckpointStore(string folder, int keep, Func<string, long>? freeBytes = null)
{
    private const string StateFile = "state.json";
    private const string Aside = ".tmp-";

    /// <summary>Checks, before long work begins, that the disk has room for what it will write.</summary>
    /// <param name="bytes">Bytes of one checkpoint.</param>
    /// <param name="count">Checkpoints that are still to come.</param>
    /// <param name="further">Bytes of what is written beside them, such as the exported model.</param>
    /// <exception cref="InputException">The disk is too full.</exception>
    public void RequireRoom(long bytes, int count, long further)
    {
        Directory.CreateDirectory(folder);
        // A new checkpoint is whole before the oldest one goes.
        var present = Steps().Length;
        var needed = (Math.Max(0, Math.Min(keep + 1, present + count) - present) * Padded(bytes)) + further;
        var free = Free();
        if (free < needed)
            throw new InputException($"The run needs {Mebibytes(needed)} in {Path.GetFullPath(folder)} for checkpoints and the trained "
                + $"model; {Mebibytes(free)} are free. Make room, or lower training.keepCheckpoints.");
    }

    /// <summary>Writes a checkpoint.</summary>
    /// <param name="step">Steps done.</param>
    /// <param name="bytes">Bytes that <paramref name="write"/> will need.</param>
    /// <param name="write">Writes files into the folder given.</param>
    /// <exception cref="InputException">The disk is too full; nothing was written and older checkpoints are whole.</exception>
    public void Save(int step, long bytes, Action<string> write)
    {
        Directory.CreateDirectory(folder);
        var (free, needed) = (Free(), Padded(bytes));
        if (free < needed)
            throw new InputException($"A checkpoint needs {Mebibytes(needed)} in {Path.GetFullPath(folder)}; {Mebibytes(free)} are free. "
                + "Make room or lower training.keepCheckpoints, then go on with --resume.");
        var name = $"step-{step:D6}";
        var (aside, final) = (Path.Combine(folder, Aside + name), Path.Combine(folder, name));
        try
        {
            Remove(aside);
            Directory.CreateDirectory(aside);
            write(aside);
            var files = new JsonObject();
            foreach (var file in Directory.EnumerateFiles(aside).Order(StringComparer.Ordinal))
            {
                files[Path.GetFileName(file)] = Hash(file);
                DurableFile.Flush(file);
            }
            DurableFile.Write(Path.Combine(aside, StateFile), new JsonObject { ["step"] = step, ["files"] = files }
                .ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
            DurableFile.FlushFolder(aside);
            Remove(final);
            Directory.Move(aside, final);
            DurableFile.FlushFolder(folder);
            // Later ones were passed over as broken; they must not count among those that are kept.
            foreach (var (_, stale) in Steps().Where(c => c.Step > step))
                Remove(stale);
            foreach (var (_, old) in Steps().SkipLast(keep))
                Remove(old);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryRemove(aside);
            throw new InputException(
                $"The checkpoint {final} cannot be written: {e.Message} Older checkpoints are whole; go on with --resume.",
                e);
        }
    }

    /// <summary>The newest checkpoint whose files are as they were written, or null. Broken ones are passed over with a word.</summary>
    public (int Step, string Folder)? Latest(Action<string>? warn = null)
    {
        foreach (var (step, path) in Steps().Reverse())
            if (Fault(step, path) is { } fault)
                warn?.Invoke($"{path} is passed over: {fault}.");
            else
                return (step, path);
        return null;
    }

    /// <summary>Whether there is any checkpoint, whole or not.</summary>
    public bool Any => Newest is not null;

    /// <summary>Step of the newest checkpoint, whole or not; null when there is none.</summary>
    public int? Newest => Steps() is [.., var last] ? last.Step : null;

    /// <summary>Deletes what an interrupted save left behind.</summary>
    public void RemoveLeftovers()
    {
        if (Directory.Exists(folder))
            foreach (var aside in Directory.EnumerateDirectories(folder, Aside + "*"))
                Remove(aside);
    }

    private static void Remove(string path)
    {
        if (Directory.Exists(path))
            Directory.Delete(path, recursive: true);
    }

    private static void TryRemove(string path)
    {
        try
        {
            Remove(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next resume removes it.
        }
    }

    private long Free() => (freeBytes ?? FreeBytes)(folder);

    // Headers, names and the file system's own blocks.
    private static long Padded(long bytes) => bytes + (bytes / 20) + (1 << 20);

    private (int Step, string Folder)[] Steps() => !Directory.Exists(folder) ? [] :
        [.. Directory.EnumerateDirectories(folder, "step-*")
            .Select(d => (
                Parsed: int.TryParse(Path.GetFileName(d)["step-".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var step),
                Step: step,
                Folder: d))
            .Where(d => d.Parsed).Select(d => (d.Step, d.Folder)).OrderBy(d => d.Step)];

    private static string? Fault(int step, string path)
    {
        try
        {
            var state = JsonNode.Parse(File.ReadAllText(Path.Combine(path, StateFile)));
            if (state?["step"]?.GetValue<int>() != step || state["files"] is not JsonObject files)
                return "its state.json does not belong to it";
            // A file without a hash may be anybody's.
            if (Directory.EnumerateFiles(path)
                .Select(f => Path.GetFileName(f))
                .FirstOrDefault(f => f != StateFile && !files.ContainsKey(f)) is { } stranger)
                return $"its {StateFile} has no hash of {stranger}";
            if (files.Count == 0)
                return $"its {StateFile} names no file";
            foreach (var (name, hash) in files)
                if (Path.GetFileName(name) != name || Hash(Path.Combine(path, name)) != hash?.GetValue<string>())
                    return $"{name} is not as it was written";
            return null;
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private static string Hash(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static long FreeBytes(string path) => new DriveInfo(Path.GetFullPath(path)).AvailableFreeSpace;

    private static string Mebibytes(long bytes) => $"{bytes / 1048576.0:0.#} MiB";
}
