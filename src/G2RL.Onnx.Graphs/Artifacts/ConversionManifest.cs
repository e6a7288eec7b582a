using System.Text.Json;
using System.Text.Json.Serialization;
using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Artifacts;

/// <summary>A file of a converted folder.</summary>
/// <param name="Name">Plain name.</param>
/// <param name="Bytes">Length.</param>
/// <param name="Sha256">Hash, lower-case hexadecimal.</param>
public sealed record ConvertedFile(string Name, long Bytes, string Sha256);

/// <summary>A tensor of the source in the data file.</summary>
/// <param name="Name">Its name in the source.</param>
/// <param name="Parameter">The parameter that it holds; null for a buffer, which no graph reads.</param>
/// <param name="Shard">The source's file.</param>
/// <param name="Dtype">Its type in the source.</param>
/// <param name="Stored">Its type here.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Offset">First byte in the data file; that of the embedding for a stored copy of a tied head.</param>
/// <param name="Bytes">Length in the data file.</param>
/// <param name="Sha256">Hash of these bytes.</param>
public sealed record ConvertedTensor(
    string Name,
    string? Parameter,
    string Shard,
    SafeTensorsDtype Dtype,
    SafeTensorsDtype Stored,
    long[] Shape,
    long Offset,
    long Bytes,
    string Sha256);

/// <summary>One of the source's safetensors files.</summary>
/// <param name="Name">Plain name.</param>
/// <param name="Metadata">Its header's free texts.</param>
public sealed record ConvertedShard(string Name, IReadOnlyDictionary<string, string> Metadata);

/// <summary>manifest.json: what a converted folder holds, enough to check every byte and to write the source's checkpoint again.</summary>
public sealed record ConversionManifest
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "manifest.json";

    /// <summary>The layout that this code writes and reads.</summary>
    public const int CurrentFormat = 1;

    // A model of 1,000 layers with a dozen tensors each has some 5 MB.
    private const int MaxBytes = 256 << 20;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter() },
        WriteIndented = true,
    };

    /// <summary>Version of this layout.</summary>
    public int Format { get; init; } = CurrentFormat;

    /// <summary>The architecture's name.</summary>
    public required string Architecture { get; init; }

    /// <summary>The conversion's choices.</summary>
    public required ConversionSettings Settings { get; init; }

    /// <summary>Constants of the training graph's loss.</summary>
    public required IReadOnlyDictionary<string, double> Objective { get; init; }

    /// <summary>
    /// Graphs, tokenizer and configuration; the data file, hashed tensor by tensor, has its length only through <see cref="Tensors"/>.
    /// </summary>
    public required IReadOnlyList<ConvertedFile> Files { get; init; }

    /// <summary>The source's files, in their order.</summary>
    public required IReadOnlyList<ConvertedShard> Shards { get; init; }

    /// <summary>Whether the source had an index of shards.</summary>
    public required bool HasIndex { get; init; }

    /// <summary>The source's tensors, in their order, but for those in <see cref="Quantized"/>.</summary>
    public required IReadOnlyList<ConvertedTensor> Tensors { get; init; }

    /// <summary>Those that are stored in few bits, in the source's order; null: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<QuantizedTensor>? Quantized { get; init; }

    /// <summary>
    /// Every run of bytes in the data file once, with the tensor that it belongs to; the rotary tables, which are computed, are in none.
    /// </summary>
    [JsonIgnore]
    public IEnumerable<(string Name, ConvertedPlace Place)> Places =>
        Tensors.DistinctBy(t => t.Offset)
            .Select(t => (t.Name, new ConvertedPlace(t.Offset, t.Bytes, t.Sha256)))
            .Concat((Quantized ?? []).SelectMany(t => t.Places.Select(place => (t.Name, place))));

    /// <summary>Bytes of all weights in the data file.</summary>
    [JsonIgnore]
    public long WeightBytes => Places.Sum(entry => entry.Place.Bytes);

    /// <summary>Whether a folder is a converted one.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads a converted folder's manifest.</summary>
    /// <exception cref="InputException">It is missing, malformed, or of another format; or a name in it leads out of the
    /// folder.</exception>
    public static ConversionManifest Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        using var document = JsonInput.ReadObject(path, MaxBytes);
        ConversionManifest manifest;
        try
        {
            manifest = document.Deserialize<ConversionManifest>(Options)!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException($"{path} is no manifest of a converted model: {e.Message}", e);
        }
        if (manifest.Format != CurrentFormat)
            throw new InputException($"{path}: the format is {manifest.Format}; this version reads {CurrentFormat}. "
                + "Convert the source again.");
        foreach (var name in manifest.Files.Select(f => f.Name).Concat(manifest.Shards.Select(s => s.Name)))
            if (name.Length == 0 || name.AsSpan().ContainsAny("/\\:\0") || name.StartsWith('.'))
                throw new InputException($"{path}: '{name}' is no plain file name.");
        foreach (var tensor in manifest.Tensors)
            CheckTensor(path, tensor);
        foreach (var (name, place) in (manifest.Quantized ?? []).SelectMany(t => t.Places.Select(place => (t.Name, place))))
            if (place.Offset < 0 || place.Bytes < 0 || place.Offset > long.MaxValue - place.Bytes)
                throw new InputException($"{path}: tensor '{name}' is said to have {place.Bytes} bytes from {place.Offset} on.");
        return manifest;
    }

    internal string ToJson() => JsonSerializer.Serialize(this, Options) + "\n";

    private static void CheckTensor(string path, ConvertedTensor tensor)
    {
        var count = 1L;
        foreach (var size in tensor.Shape)
            if (size < 0 || (size > 0 && count > long.MaxValue / 8 / size))
                throw new InputException($"{path}: tensor '{tensor.Name}' has the shape [{string.Join(", ", tensor.Shape)}].");
            else
                count *= size;
        if (tensor.Offset < 0 || tensor.Bytes != count * tensor.Stored.Bytes() || tensor.Offset > long.MaxValue - tensor.Bytes)
            throw new InputException($"{path}: tensor '{tensor.Name}', {tensor.Stored} [{string.Join(", ", tensor.Shape)}], is said to "
                + $"have {tensor.Bytes} bytes from {tensor.Offset} on.");
    }
}
