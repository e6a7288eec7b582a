using System.Buffers.Binary;

namespace G2RL.Onnx.Checkpoints.SafeTensors;

/// <summary>
/// A safetensors file, mapped into memory: its header is checked on opening, its data read only when asked for. Larger than 2 GiB is fine.
/// </summary>
/// <remarks>
/// Reading from several threads is safe; disposing while another thread reads is not. A file that is cut short by somebody else while it is
/// mapped ends the process, as with every memory map.
/// </remarks>
public sealed class SafeTensorsFile : IDisposable
{
    private const int LengthBytes = sizeof(ulong);

    private readonly MappedFile file;

    private SafeTensorsFile(MappedFile file)
    {
        this.file = file;
        try
        {
            var headerBytes = SafeTensorsHeader.CheckLength(
                BinaryPrimitives.ReadUInt64LittleEndian(file.Bytes(0, LengthBytes)),
                file.Length,
                file.Path);
            var dataStart = LengthBytes + (long)headerBytes;
            var header =
                SafeTensorsHeader.Parse(file.Bytes(LengthBytes, headerBytes).ToArray(), dataStart, file.Length - dataStart, file.Path);
            (Tensors, Metadata) = (header.Tensors, header.Metadata);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path => file.Path;

    /// <summary>What lies in the file, by name.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>The header's free texts; {"format": "pt"} in files for Hugging Face.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Maps a file.</summary>
    /// <exception cref="InputException">It is missing, unreadable, truncated or malformed.</exception>
    public static SafeTensorsFile Open(string path)
    {
        try
        {
            return new(new MappedFile(path, LengthBytes, "a safetensors file"));
        }
        catch (InputException e) when (ForeignFile.Fault(path) is { } what)
        {
            throw new InputException(what, e);
        }
    }

    /// <summary>A tensor's entry.</summary>
    /// <exception cref="InputException">There is no such tensor.</exception>
    public TensorInfo Find(string name) =>
        Tensors.TryGetValue(name, out var tensor)
            ? tensor
            : throw new InputException($"{Path}: there is no tensor '{name}'. The checkpoint is incomplete, or is another model's.");

    /// <summary>Reads a whole tensor as floats, converting F16 and BF16 exactly. NaN and infinity come through.</summary>
    /// <param name="name">The tensor; F32, F16 or BF16.</param>
    /// <param name="destination">Receives every element, row-major; exactly as long as the tensor.</param>
    /// <exception cref="InputException">No such tensor, or one of another type.</exception>
    /// <exception cref="ArgumentException">A destination of another length.</exception>
    public void ReadFloats(string name, Span<float> destination)
    {
        var tensor = Find(name);
        if (destination.Length != tensor.Count)
            throw new ArgumentException($"Tensor '{name}' has {tensor.Count} elements and the destination {destination.Length}.");
        ReadFloats(name, 0, destination);
    }

    /// <summary>Reads part of a tensor as floats: destination.Length elements from element <paramref name="first"/> on.</summary>
    /// <inheritdoc cref="ReadFloats(string, Span{float})"/>
    public void ReadFloats(string name, long first, Span<float> destination)
    {
        var tensor = Find(name);
        if (!tensor.Dtype.IsWeight())
            throw new InputException($"{Path}: tensor '{name}' is {tensor.Dtype}; F32, F16 and BF16 can be read as weights. "
                + "Give the unquantised checkpoint.");
        if (first < 0 || first > tensor.Count - destination.Length)
            throw new ArgumentException($"Tensor '{name}' has {tensor.Count} elements; "
                + $"{destination.Length} from {first} on go beyond its end.");
        // A span holds at most 2^31 - 1 bytes, so go in pieces.
        const int piece = 1 << 24;
        var size = tensor.Dtype.Bytes();
        for (var done = 0; done < destination.Length;)
        {
            var count = Math.Min(piece, destination.Length - done);
            var stored = file.Bytes(tensor.Offset + ((first + done) * size), count * size);
            FloatConversion.ToFloats(tensor.Dtype, stored, destination.Slice(done, count));
            file.Passed(tensor.Offset + ((first + done) * size), (long)count * size);
            done += count;
        }
    }

    /// <summary>A tensor's bytes, little-endian, without a copy. Valid until this object is disposed.</summary>
    /// <exception cref="InputException">No such tensor.</exception>
    /// <exception cref="ArgumentException">More than 2^31 - 1 bytes: take <see cref="RawBytes(string, long, int)"/>.</exception>
    public ReadOnlySpan<byte> RawBytes(string name)
    {
        var tensor = Find(name);
        if (tensor.Length > int.MaxValue)
            throw new ArgumentException($"Tensor '{name}' has {tensor.Length} bytes, more than a span holds; read it in pieces.");
        return RawBytes(name, 0, (int)tensor.Length);
    }

    /// <summary>Part of a tensor's bytes: <paramref name="length"/> from byte <paramref name="first"/> on.</summary>
    /// <inheritdoc cref="RawBytes(string)"/>
    public ReadOnlySpan<byte> RawBytes(string name, long first, int length)
    {
        var tensor = Find(name);
        if (first < 0 || length < 0 || first > tensor.Length - length)
            throw new ArgumentException($"Tensor '{name}' has {tensor.Length} bytes; {length} from {first} on go beyond its end.");
        return file.Bytes(tensor.Offset + first, length);
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose() => file.Dispose();
}
