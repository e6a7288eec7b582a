using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Writes a model folder so that it is there whole or not at all: into a sibling that is renamed when everything is on the disk.
/// </summary>
internal static class ModelFolder
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    // What a tokenizer, a text generator or a licence needs; never weights, and no README, which describes the old ones.
    private static readonly string[] Companions =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "tokenizer.model", "chat_template.json", "chat_template.jinja", "LICENSE", "LICENSE.txt", "LICENSE.md",
        "NOTICE", "USE_POLICY.md",
    ];

    private const string Partial = ".partial";

    /// <summary>Whether a killed run left a temporary folder; <see cref="Write"/> removes it.</summary>
    public static bool HasRemains(string folder) => Directory.Exists(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Partial);

    /// <summary>Refuses before anything is written what the disk has no room for.</summary>
    /// <exception cref="InputException">The free bytes are fewer; the shortfall is named.</exception>
    public static void CheckRoom(string folder, long needed)
    {
        var full = Path.GetFullPath(folder);
        var parent = full;
        while (parent is not null && !Directory.Exists(parent))
            parent = Path.GetDirectoryName(parent);
        long free;
        try
        {
            free = new DriveInfo(parent ?? full).AvailableFreeSpace;
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            // A share without a letter on Windows cannot be asked; writing will tell.
            return;
        }
        if (free < needed)
            throw new InputException($"{folder} needs {needed >> 20} MiB; {free >> 20} MiB are free there. "
                + $"Make {(needed - free + (1 << 20) - 1) >> 20} MiB of room, or name a folder on another disk.");
    }

    /// <summary>Fills a temporary folder, then renames it.</summary>
    public static void Write(string folder, Action<string> fill)
    {
        var final = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (Path.Exists(final))
            throw new InputException($"{folder} exists already; a model is never written over another. "
                + "Name a new folder, or remove this one.");
        var temporary = final + Partial;
        try
        {
            // Left by a run that was killed.
            if (Directory.Exists(temporary))
                Directory.Delete(temporary, recursive: true);
            Directory.CreateDirectory(temporary);
            try
            {
                fill(temporary);
                Directory.Move(temporary, final);
            }
            catch
            {
                Directory.Delete(temporary, recursive: true);
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{folder} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Copies what belongs beside the weights, as far as it is there.</summary>
    public static void CopyCompanions(string source, string folder)
    {
        foreach (var path in Companions.Select(name => Path.Combine(source, name)).Where(File.Exists))
            Copy(path, folder);
    }

    /// <summary>Copies the content, not the permissions (a cache may be read-only), and waits for the disk.</summary>
    public static void Copy(string path, string folder)
    {
        if (!File.Exists(path))
            throw new InputException($"{path} does not exist; it was to be copied into {folder}.");
        using var from = File.OpenRead(path);
        using var to = new FileStream(Path.Combine(folder, Path.GetFileName(path)), FileMode.CreateNew, FileAccess.Write);
        from.CopyTo(to);
        to.Flush(flushToDisk: true);
    }

    /// <summary>Writes UTF-8 and waits for the disk.</summary>
    public static void WriteText(string path, string text)
    {
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write);
        stream.Write(Encoding.UTF8.GetBytes(text));
        stream.Flush(flushToDisk: true);
    }

    /// <summary>The source's index; with another dtype, its total_size is counted anew.</summary>
    public static void WriteIndex(string source, string folder, SafeTensorsDtype? dtype, Func<string, string>? rename = null)
    {
        if (dtype is null && rename is null)
        {
            Copy(source, folder);
            return;
        }
        var index = JsonNode.Parse(File.ReadAllText(source))!.AsObject();
        long total = 0;
        foreach (var shard in Directory.GetFiles(folder, "*.safetensors"))
        {
            using var file = SafeTensorsFile.Open(shard);
            total += file.Tensors.Values.Sum(tensor => tensor.Length);
        }
        if (rename is not null && index["weight_map"] is JsonObject map)
            index["weight_map"] = new JsonObject(map.Select(entry => KeyValuePair.Create(rename(entry.Key), entry.Value?.DeepClone())));
        if (index["metadata"] is JsonObject metadata)
            metadata["total_size"] = total;
        WriteText(Path.Combine(folder, CheckpointShards.IndexFile), index.ToJsonString(Indented) + "\n");
    }

    /// <summary>Makes config.json name the stored type.</summary>
    public static void SetDtype(string folder, SafeTensorsDtype dtype)
    {
        var path = Path.Combine(folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config[config.ContainsKey("dtype") ? "dtype" : "torch_dtype"] = dtype.ConfigName();
        WriteText(path, config.ToJsonString(Indented) + "\n");
    }
}
