using System.IO.MemoryMappedFiles;

namespace G2RL.Onnx.Checkpoints;

/// <summary>A whole file, mapped read-only. One that is cut short by somebody else while it is mapped ends the process, as with every memory map.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;

    public MappedFile(string path, int leastBytes, string kind)
    {
        Path = path;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            Length = stream.Length;
            if (Length < leastBytes)
                throw new InputException($"{path} has {Length} bytes; {kind} has at least {leastBytes}. It is empty or truncated; fetch it again.");
            _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            if (_view.Capacity < Length)
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

    public string Path { get; }

    public long Length { get; }

    /// <summary>Bytes without a copy; valid until this object is disposed.</summary>
    public ReadOnlySpan<byte> Bytes(long first, int count)
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, Length - count);
        return new ReadOnlySpan<byte>(_start + first, count);
    }

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
