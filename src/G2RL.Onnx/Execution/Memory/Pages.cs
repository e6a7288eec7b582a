using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution.Memory;

/// <summary>
/// Memory by whole pages, zeroed: what nobody touches takes none, and what lies idle can be given back without its address changing. Where
/// that is not written for a system, the pages come from its C library and stay.
/// </summary>
internal static unsafe partial class Pages
{
    // <sys/mman.h> of Linux, on every processor that .NET knows.
    private const int ReadWrite = 0x1 | 0x2;
    private const int PrivateAnonymousUncounted = 0x02 | 0x20 | 0x4000;
    private const int DontNeed = 4;
    private const int Huge = 14;
    private const int PopulateWrite = 23;

    /// <summary>Bytes of a huge page of most processors.</summary>
    public const long HugePage = 2L << 20;

    /// <summary>Whether pages can be given back.</summary>
    public static bool CanRelease { get; } = OperatingSystem.IsLinux();

    /// <summary>Takes pages; they begin at a page's beginning.</summary>
    /// <returns>0 where there are none.</returns>
    public static void* Take(nuint bytes)
    {
        if (CanRelease)
            return Map(null, bytes, ReadWrite, PrivateAnonymousUncounted, -1, 0) is var memory && (nint)memory != -1 ? memory : null;
        try
        {
            return NativeMemory.AllocZeroed(bytes);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    /// <summary>Gives pages up, address and all.</summary>
    /// <param name="memory">As <see cref="Take"/> gave it.</param>
    /// <param name="bytes">As it was asked.</param>
    public static void Give(void* memory, nuint bytes)
    {
        if (CanRelease)
            _ = Unmap(memory, bytes);
        else
            NativeMemory.Free(memory);
    }

    /// <summary>
    /// Gives back the memory of whole pages within a range and keeps the addresses; where pages can be given back, they are zeroed when
    /// they are next touched.
    /// </summary>
    public static void Release(void* memory, nuint bytes)
    {
        var page = (nuint)Environment.SystemPageSize;
        var first = ((nuint)memory + page - 1) / page * page;
        var end = ((nuint)memory + bytes) / page * page;
        if (CanRelease && end > first)
            _ = Advise((void*)first, end - first, DontNeed);
    }

    /// <summary>
    /// Takes the memory of a range's pages now, not when they are first touched; where a system cannot, nothing happens.
    /// </summary>
    public static void Touch(void* memory, nuint bytes)
    {
        var page = (nuint)Environment.SystemPageSize;
        var first = (nuint)memory / page * page;
        if (CanRelease)
            _ = Advise((void*)first, (nuint)memory + bytes - first, PopulateWrite);
    }

    /// <summary>
    /// Asks for huge pages behind a range that will be touched as a whole: a processor then knows all of its addresses, where it would look
    /// one up in memory for every 4 KiB that it reads. Where the system has none, nothing happens.
    /// </summary>
    public static void AskForHuge(void* memory, nuint bytes)
    {
        if (CanRelease)
            _ = Advise(memory, bytes, Huge);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
