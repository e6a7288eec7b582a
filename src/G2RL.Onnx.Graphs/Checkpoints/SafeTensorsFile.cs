using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace G2RL.Onnx.Checkpoints;

/// <summary>A safetensors file, mapped into memory: its header is checked on opening, its data read only when asked for. Larger than 2 GiB is fine.</summary>
/// <remarks>
/// Reading from several threads is safe; disposing while another thread reads is not. A file that is cut short by somebody else while it is
/// mapped ends the process, as with every memory map.
/// </remarks>
public sealed unsafe class SafeTensorsFile : IDisposable
{
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;

    private SafeTensorsFile(string path)
    {
        Path = path;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            var length = stream.Length;
            if (length < 8)
                throw new InputException($"{path} has {length} bytes; a safetensors file has at least 8. It is empty or truncated; fetch it again.");
            Span<byte> first = stackalloc byte[8];
            stream.ReadExactly(first);
            var headerBytes = SafeTensorsHeader.CheckLength(BinaryPrimitives.ReadUInt64LittleEndian(first), length, path);
            var json = new byte[headerBytes];
            stream.ReadExactly(json);
            var header = SafeTensorsHeader.Parse(json, 8L + headerBytes, length - 8 - headerBytes, path);
            Tensors = header.Tensors;
            Metadata = header.Metadata;

            _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            if (_view.Capacity < length)
                throw new InputException($"{path} shrank while it was opened.");
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
            _start += _view.PointerOffset;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path} does not exist.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}", e);
        }
        finally
        {
            if (_start is null)
                Release();
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What lies in the file, by name.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>The header's free texts; {"format": "pt"} in files for Hugging Face.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Maps a file.</summary>
    /// <exception cref="InputException">It is missing, unreadable, truncated or malformed.</exception>
    public static SafeTensorsFile Open(string path) => new(path);

    /// <summary>A tensor's entry.</summary>
    /// <exception cref="InputException">There is no such tensor.</exception>
    public TensorInfo Find(string name) =>
        Tensors.TryGetValue(name, out var tensor) ? tensor : throw new InputException($"{Path}: there is no tensor '{name}'. The checkpoint is incomplete, or is another model's.");

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
        ObjectDisposedException.ThrowIf(_start is null, this);
        var tensor = Find(name);
        if (!tensor.Dtype.IsWeight())
            throw new InputException($"{Path}: tensor '{name}' is {tensor.Dtype}; F32, F16 and BF16 can be read as weights. Give the unquantised checkpoint.");
        if (first < 0 || first > tensor.Count - destination.Length)
            throw new ArgumentException($"Tensor '{name}' has {tensor.Count} elements; {destination.Length} from {first} on go beyond its end.");
        // A span holds at most 2^31 - 1 bytes, so go in pieces.
        const int piece = 1 << 24;
        var size = tensor.Dtype.Bytes();
        for (var done = 0; done < destination.Length;)
        {
            var count = Math.Min(piece, destination.Length - done);
            var stored = new ReadOnlySpan<byte>(_start + tensor.Offset + ((first + done) * size), count * size);
            FloatConversion.ToFloats(tensor.Dtype, stored, destination.Slice(done, count));
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
        ObjectDisposedException.ThrowIf(_start is null, this);
        var tensor = Find(name);
        if (first < 0 || length < 0 || first > tensor.Length - length)
            throw new ArgumentException($"Tensor '{name}' has {tensor.Length} bytes; {length} from {first} on go beyond its end.");
        return new ReadOnlySpan<byte>(_start + tensor.Offset + first, length);
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose()
    {
        if (_start is not null)
        {
            _start = null;
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        }
        Release();
    }

    private void Release()
    {
        _view?.Dispose();
        _map?.Dispose();
    }
}
