namespace G2RL.Onnx.Checkpoints;

/// <summary>A GGUF file, version 2 or 3, mapped into memory: its header is checked on opening, its data read only when asked for.</summary>
/// <remarks>Reading from several threads is safe; disposing while another thread reads is not.</remarks>
public sealed class GgufFile : IDisposable
{
    private readonly MappedFile file;
    private readonly GgufHeader header;

    private GgufFile(MappedFile file)
    {
        this.file = file;
        try
        {
            header = GgufHeader.Read(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path => file.Path;

    /// <summary>Version of the format.</summary>
    public uint Version => header.Version;

    /// <summary>What lies in the file, by name.</summary>
    public IReadOnlyDictionary<string, GgufTensor> Tensors => header.Tensors;

    internal IReadOnlyDictionary<string, GgufValue> Metadata => header.Metadata;

    /// <summary>Maps a file.</summary>
    /// <exception cref="InputException">It is missing, unreadable, truncated, malformed, or holds a type that is not read.</exception>
    public static GgufFile Open(string path) => new(new MappedFile(path, GgufHeader.LeastBytes, "a GGUF file"));

    /// <summary>Metadata for people: numbers and texts, and of lists how long they are.</summary>
    public IEnumerable<(string Key, string Value)> Describe()
    {
        foreach (var (key, value) in Metadata)
            yield return (key,
                value.IsArray ? $"{value.Count} x {value.Type}" : value.Type == GgufType.String ? Text(value, key) : Scalar(value, key));
    }

    /// <summary>
    /// Reads part of a tensor as floats, dequantised: destination.Length elements from element <paramref name="first"/> on.
    /// </summary>
    /// <param name="name">The tensor.</param>
    /// <param name="first">A multiple of the type's block, as is the destination's length.</param>
    /// <param name="destination">Receives the elements, row-major. NaN and infinity come through.</param>
    /// <exception cref="InputException">There is no such tensor.</exception>
    /// <exception cref="ArgumentException">A part beyond the tensor's end, or of broken blocks.</exception>
    public void ReadFloats(string name, long first, Span<float> destination)
    {
        if (!Tensors.TryGetValue(name, out var tensor))
            throw new InputException($"{Path}: there is no tensor '{name}'. The model is incomplete, or another one.");
        var (elements, bytes) = (tensor.Type.BlockElements(), tensor.Type.BlockBytes());
        if (first < 0 || first > tensor.Count - destination.Length || first % elements != 0 || destination.Length % elements != 0)
            throw new ArgumentException($"Tensor '{name}' has {tensor.Count} elements in blocks of {elements}; "
                + $"{destination.Length} from {first} on are no whole blocks inside it.");
        // A span holds at most 2^31 - 1 bytes, so go in pieces.
        const int piece = 1 << 24;
        for (var done = 0; done < destination.Length; done += piece)
        {
            var part = destination.Slice(done, Math.Min(piece, destination.Length - done));
            GgmlBlocks.ToFloats(
                tensor.Type,
                file.Bytes(tensor.Offset + ((first + done) / elements * bytes), part.Length / elements * bytes),
                part);
        }
    }

    internal string Text(GgufValue value, string key) => new GgufCursor(file, value.Offset).Text(key, int.MaxValue);

    internal (long? Integer, double? Number) Number(GgufValue value, string key) =>
        new GgufCursor(file, value.Offset).Scalar(value.Type, key);

    /// <summary>The elements of a list of texts.</summary>
    internal IEnumerable<string> Texts(GgufValue value, string key)
    {
        var cursor = new GgufCursor(file, value.Offset);
        for (var i = 0L; i < value.Count; i++)
            yield return cursor.Text(key, int.MaxValue);
    }

    /// <summary>The elements of a list of whole numbers; null where one is none.</summary>
    internal IEnumerable<long?> Integers(GgufValue value, string key)
    {
        var cursor = new GgufCursor(file, value.Offset);
        for (var i = 0L; i < value.Count; i++)
            yield return cursor.Scalar(value.Type, key).Integer;
    }

    /// <summary>The elements of a list of float32.</summary>
    internal IEnumerable<float> Numbers(GgufValue value, string key)
    {
        var cursor = new GgufCursor(file, value.Offset);
        for (var i = 0L; i < value.Count; i++)
            yield return (float)cursor.Scalar(GgufType.Float32, key).Number!.Value;
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose() => file.Dispose();

    private string Scalar(GgufValue value, string key)
    {
        var (integer, number) = Number(value, key);
        return value.Type == GgufType.Bool
            ? integer == 1 ? "true" : "false"
            : FormattableString.Invariant($"{integer}{number}");
    }
}
