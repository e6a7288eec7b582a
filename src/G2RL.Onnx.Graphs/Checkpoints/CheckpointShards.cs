using System.Text.Json;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints;

/// <summary>The safetensors files of a model folder: one, or the shards of an index. Maps each tensor's name to its file.</summary>
internal sealed class CheckpointShards : IDisposable
{
    public const string SingleFile = "model.safetensors";
    public const string IndexFile = "model.safetensors.index.json";

    // 64 MiB hold the names of half a million tensors.
    private const int MaxIndexBytes = 64 << 20;

    private readonly Dictionary<string, SafeTensorsFile> fileOf = new(StringComparer.Ordinal);
    private readonly List<SafeTensorsFile> files = [];
    private WrappedNames? names;

    private CheckpointShards(bool hasIndex) => HasIndex = hasIndex;

    /// <summary>Whether an index file lists the shards.</summary>
    public bool HasIndex { get; }

    /// <summary>Files by name.</summary>
    public IReadOnlyList<SafeTensorsFile> Files => files;

    /// <summary>Names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => fileOf.Keys;

    /// <summary>How the names of a model's weights are written here.</summary>
    public WrappedNames NamesOf(DecoderSpec spec) => names ??= new(spec, Names, fileOf.ContainsKey);

    public SafeTensorsFile? FileOf(string name) => fileOf.GetValueOrDefault(name);

    public static CheckpointShards Open(string folder)
    {
        string single = Path.Combine(folder, SingleFile), index = Path.Combine(folder, IndexFile);
        var hasIndex = File.Exists(index);
        if (hasIndex && File.Exists(single))
            throw new InputException($"{folder}: both {SingleFile} and {IndexFile} are there, and may hold different weights. Remove one.");
        var shards = new CheckpointShards(hasIndex);
        try
        {
            if (hasIndex)
                shards.AddIndex(folder, index);
            else if (File.Exists(single))
                shards.Add(single);
            else
                throw new InputException($"{folder}: there is neither {SingleFile} nor {IndexFile}. "
                    + "Fetch the safetensors weights; other formats (pytorch_model.bin) cannot be read; "
                    + "a .gguf file is given by its own path.");
            return shards;
        }
        catch
        {
            shards.Dispose();
            throw;
        }
    }

    public void Dispose() => files.ForEach(file => file.Dispose());

    private void AddIndex(string folder, string path)
    {
        using var document = JsonInput.ReadObject(path, MaxIndexBytes);
        if (!document.RootElement.TryGetProperty("weight_map", out var map))
            throw new InputException($"{path}: the key weight_map is missing; it must map tensor names to shards.");
        var expected = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (tensor, shard) in JsonInput.Members(map, $"{path}: weight_map"))
            expected.Add(tensor, ShardName(path, tensor, shard));

        foreach (var shard in expected.Values.Distinct().Order(StringComparer.Ordinal))
        {
            var file = Path.Combine(folder, shard);
            if (!File.Exists(file))
                throw new InputException($"{path} names the shard {shard}, which is not in the folder. Fetch it too.");
            Add(file);
        }
        foreach (var (tensor, shard) in expected)
            if (FileOf(tensor) is not { } file || Path.GetFileName(file.Path) != shard)
                throw new InputException($"{path} says that tensor '{tensor}' lies in {shard}; it does not. "
                    + "The index and the shards do not belong together.");
        if (Names.FirstOrDefault(name => !expected.ContainsKey(name)) is { } unlisted)
            throw new InputException($"{path} does not list tensor '{unlisted}' of {Path.GetFileName(FileOf(unlisted)!.Path)}. "
                + "The index and the shards do not belong together.");
    }

    // Only plain names: an index from the net must not make this program open (or, on export, write) files elsewhere.
    private static string ShardName(string path, string tensor, JsonElement element)
    {
        var name = JsonInput.Text(element);
        if (name is null
            || !name.EndsWith(".safetensors", StringComparison.Ordinal)
            || name.AsSpan().ContainsAny("/\\:\0")
            || name.StartsWith('.'))
            throw new InputException($"{path} puts tensor '{tensor}' into {JsonInput.Shown(element)}; a shard must be the plain name of a "
                + ".safetensors file in the same folder.");
        return name;
    }

    private void Add(string path)
    {
        var file = SafeTensorsFile.Open(path);
        files.Add(file);
        foreach (var name in file.Tensors.Keys)
            if (!fileOf.TryAdd(name, file))
                throw new InputException($"{path}: tensor '{name}' is also in {Path.GetFileName(fileOf[name].Path)}. "
                    + "Which one counts? Remove one.");
    }
}
