using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Training;

/// <summary>Checkpoints of a run: written aside, flushed, renamed; the last N are kept; each file's SHA-256 stands in state.json.</summary>
/// <param name="folder">The folder that holds them.</param>
/// <param name="keep">How many are kept, >= 1.</param>
/// <param name="freeBytes">Free bytes on a folder's disk; null asks the operating system.</param>
public sealed class CheckpointStore(string folder, int keep, Func<string, long>? freeBytes = null)
{
    private const string StateFile = "state.json";
    private const string Aside = ".tmp-";

    /// <summary>Writes a checkpoint.</summary>
    /// <param name="step">Steps done.</param>
    /// <param name="bytes">Bytes that <paramref name="write"/> will need.</param>
    /// <param name="write">Writes files into the folder given.</param>
    /// <exception cref="InputException">The disk is too full; nothing was written and older checkpoints are whole.</exception>
    public void Save(int step, long bytes, Action<string> write)
    {
        Directory.CreateDirectory(folder);
        var free = (freeBytes ?? FreeBytes)(folder);
        var needed = bytes + (bytes / 20) + (1 << 20);
        if (free < needed)
            throw new InputException($"A checkpoint needs {Mebibytes(needed)} in {Path.GetFullPath(folder)}; {Mebibytes(free)} are free. Make room or lower training.keepCheckpoints, then go on with --resume.");
        var name = $"step-{step:D6}";
        var (aside, final) = (Path.Combine(folder, Aside + name), Path.Combine(folder, name));
        if (Directory.Exists(aside))
            Directory.Delete(aside, recursive: true);
        Directory.CreateDirectory(aside);
        try
        {
            write(aside);
            var files = new JsonObject();
            foreach (var file in Directory.EnumerateFiles(aside).Order(StringComparer.Ordinal))
            {
                files[Path.GetFileName(file)] = Hash(file);
                using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
                stream.Flush(flushToDisk: true);
            }
            DurableFile.Write(Path.Combine(aside, StateFile), new JsonObject { ["step"] = step, ["files"] = files }.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
            DurableFile.FlushFolder(aside);
            if (Directory.Exists(final))
                Directory.Delete(final, recursive: true);
            Directory.Move(aside, final);
            DurableFile.FlushFolder(folder);
        }
        catch (IOException e)
        {
            throw new InputException($"The checkpoint {final} cannot be written: {e.Message} Older checkpoints are whole; go on with --resume.", e);
        }
        foreach (var (_, old) in Steps().SkipLast(keep))
            Directory.Delete(old, recursive: true);
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

    /// <summary>Deletes what an interrupted save left behind.</summary>
    public void RemoveLeftovers()
    {
        if (Directory.Exists(folder))
            foreach (var aside in Directory.EnumerateDirectories(folder, Aside + "*"))
                Directory.Delete(aside, recursive: true);
    }

    private (int Step, string Folder)[] Steps() => !Directory.Exists(folder) ? [] :
        [.. Directory.EnumerateDirectories(folder, "step-*")
            .Select(d => (Parsed: int.TryParse(Path.GetFileName(d)["step-".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var step), Step: step, Folder: d))
            .Where(d => d.Parsed).Select(d => (d.Step, d.Folder)).OrderBy(d => d.Step)];

    private static string? Fault(int step, string path)
    {
        try
        {
            var state = JsonNode.Parse(File.ReadAllText(Path.Combine(path, StateFile)));
            if (state?["step"]?.GetValue<int>() != step || state["files"] is not JsonObject files)
                return "its state.json does not belong to it";
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
