using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Memory;

/// <summary>
/// Memory of what is read from its beginning to its end: weights, their gradients and moments. It lies together in one range of addresses,
/// so that huge pages reach over the borders of matrices, of which few are as large as one.
/// </summary>
internal static unsafe class HugeMemory
{
    private static readonly Lock Gate = new();
    private static readonly BlockHeap Heap = new();
    private static readonly Lazy<(nint Begin, long Length)> Range = new(TakeRange);

    /// <summary>Takes zeroed memory that begins with a page.</summary>
    /// <param name="bytes">How many, > 0.</param>
    /// <returns>0 where there is none.</returns>
    public static void* Take(long bytes)
    {
        var (begin, length) = Range.Value;
        lock (Gate)
        {
            var place = Heap.Take(Rounded(bytes));
            if (place + Rounded(bytes) <= length)
                return (byte*)begin + place;
            Heap.Give(place);
            return null;
        }
    }

    /// <summary>Whether memory was taken here.</summary>
    public static bool Holds(void* memory) =>
        Range.IsValueCreated && (nint)memory >= Range.Value.Begin && (nint)memory < Range.Value.Begin + Range.Value.Length;

    /// <summary>Gives it back to the system.</summary>
    public static void Give(void* memory, long bytes)
    {
        // Before anybody else may have it: what is taken is zeroed.
        Pages.Release(memory, (nuint)Rounded(bytes));
        lock (Gate)
            Heap.Give((nint)memory - Range.Value.Begin);
    }

    private static long Rounded(long bytes) =>
        checked((bytes + Environment.SystemPageSize - 1) / Environment.SystemPageSize * Environment.SystemPageSize);

    // As much as the machine has: addresses alone, which take nothing. A part of a range that is not there comes from elsewhere.
    private static (nint, long) TakeRange()
    {
        if (!Pages.CanRelease)
            return (0, 0);
        var bytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / Pages.HugePage * Pages.HugePage;
        var memory = Pages.Take((nuint)(bytes + Pages.HugePage));
        if (memory is null)
            return (0, 0);
        var begin = ((nint)memory + (nint)Pages.HugePage - 1) / (nint)Pages.HugePage * (nint)Pages.HugePage;
        Pages.AskForHuge((void*)begin, (nuint)bytes);
        return (begin, bytes);
    }
}
