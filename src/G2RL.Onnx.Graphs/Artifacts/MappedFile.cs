using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace G2RL.Onnx.Artifacts;

/// <summary>A file mapped into memory for reading: its pages belong to the operating system's cache, not to this process.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? map;
    private readonly MemoryMappedViewAccessor? view;
    private byte* start;

    private MappedFile(string path, FileStream stream)
    {
        (Path, Length) = (path, stream.Length);
        if (Length == 0)
            return;
        map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += view.PointerOffset;
    }

    public string Path { get; }

    public long Length { get; }

    /// <summary>Maps a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="why">Said before the fault, where somebody did not name the file himself.</param>
    /// <exception cref="InputException">It is missing or cannot be read.</exception>
    public static MappedFile Open(string path, string why)
    {
        var prefix = why.Length > 0 ? why + ": " : "";
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            return new(path, stream);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{prefix}{path} does not exist.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{prefix}{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Part of the file.</summary>
    public ReadOnlySpan<byte> Bytes(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(start is null && Length > 0, this);
        return offset >= 0 && count >= 0 && offset <= Length - count
            ? new(start + offset, count)
            : throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{count} bytes from {offset} lie outside a file of {Length}.");
    }

    /// <summary>Part of the file as float32; copied only where it does not lie on a multiple of four.</summary>
    public ReadOnlySpan<float> Floats(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(start is null && Length > 0, this);
        if (offset < 0 || count < 0 || offset > Length - ((long)count * sizeof(float)))
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{count} numbers from byte {offset} lie outside a file of {Length}.");
        if (offset % sizeof(float) == 0)
            return new(start + offset, count);
        var copy = new float[count];
        fixed (float* target = copy)
            NativeMemory.Copy(start + offset, target, (nuint)count * sizeof(float));
        return copy;
    }

    public void Dispose()
    {
        if (start is not null)
        {
            start = null;
            view!.SafeMemoryMappedViewHandle.ReleasePointer();
        }
        view?.Dispose();
        map?.Dispose();
    }
}
