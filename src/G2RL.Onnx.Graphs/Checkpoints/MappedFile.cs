using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// A whole file, mapped read-only: its pages belong to the operating system's cache, not to this process. One that is cut short by somebody
/// else while it is mapped ends the process, as with every memory map.
/// </summary>
internal sealed unsafe partial class MappedFile : IDisposable
{
    // <sys/mman.h> of Linux.
    private const int DontNeed = 4;

    private readonly MemoryMappedFile? map;
    private readonly MemoryMappedViewAccessor? view;
    private byte* start;
    private bool disposed;

    /// <summary>Maps a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="leastBytes">What it must have at least.</param>
    /// <param name="kind">What it should be, for the message.</param>
    /// <param name="why">Said before the fault, where somebody did not name the file himself.</param>
    /// <exception cref="InputException">It is missing, cannot be read, or is too short.</exception>
    public MappedFile(string path, int leastBytes = 0, string kind = "a file", string why = "")
    {
        Path = path;
        var prefix = why.Length > 0 ? why + ": " : "";
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            Length = stream.Length;
            if (Length < leastBytes)
                throw new InputException($"{prefix}{path} has {Length} bytes; {kind} has at least {leastBytes}. It is empty or truncated; "
                    + "fetch it again.");
            // Nothing cannot be mapped.
            if (Length == 0)
                return;
            map =
                MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            if (view.Capacity < Length)
                throw new InputException($"{prefix}{path} shrank while it was opened.");
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            start += view.PointerOffset;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{prefix}{path} does not exist.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{prefix}{path} cannot be read: {e.Message}", e);
        }
        finally
        {
            if (start is null)
                Release();
        }
    }

    public string Path { get; }

    public long Length { get; }

    /// <summary>Bytes without a copy; valid until this object is disposed.</summary>
    public ReadOnlySpan<byte> Bytes(long first, int count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return first >= 0 && count >= 0 && first <= Length - count
            ? new(start + first, count)
            : throw new ArgumentOutOfRangeException(nameof(first), first, $"{count} bytes from {first} lie outside a file of {Length}.");
    }

    /// <summary>Part of the file as float32; copied only where it does not lie on a multiple of four.</summary>
    public ReadOnlySpan<float> Floats(long first, int count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (first < 0 || count < 0 || first > Length - ((long)count * sizeof(float)))
            throw new ArgumentOutOfRangeException(
                nameof(first),
                first,
                $"{count} numbers from byte {first} lie outside a file of {Length}.");
        if (first % sizeof(float) == 0)
            return new(start + first, count);
        var copy = new float[count];
        fixed (float* target = copy)
            NativeMemory.Copy(start + first, target, (nuint)count * sizeof(float));
        return copy;
    }

    /// <summary>
    /// Says that a part was read and will hardly be read again: its whole pages no longer count as this process's memory, where the system
    /// knows of that. What lies there does not change.
    /// </summary>
    public void Passed(long first, long count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (!OperatingSystem.IsLinux() || first < 0 || count <= 0 || first > Length - count)
            return;
        var page = (nuint)Environment.SystemPageSize;
        var (begin, end) = (((nuint)(start + first) + page - 1) / page * page, (nuint)(start + first + count) / page * page);
        if (end > begin)
            _ = Advise((void*)begin, end - begin, DontNeed);
    }

    public void Dispose()
    {
        disposed = true;
        if (start is not null)
        {
            start = null;
            view!.SafeMemoryMappedViewHandle.ReleasePointer();
        }
        Release();
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);

    private void Release()
    {
        view?.Dispose();
        map?.Dispose();
    }
}
