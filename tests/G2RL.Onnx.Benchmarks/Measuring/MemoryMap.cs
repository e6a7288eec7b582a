using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using G2RL.Onnx.Execution.Memory;

namespace G2RL.Onnx.Benchmarks;

/// <summary>What this process's resident memory is made of, by the system's account of its mappings. Linux with GNU's C library.</summary>
internal static unsafe partial class MemoryMap
{
    private const long ArenaAlignment = 64L << 20;

    /// <summary>
    /// Resident bytes by purpose, which together are all; and, beside them, what the C library handed out and what lies free in its heaps,
    /// and what the runtime committed for the managed heap.
    /// </summary>
    public static Dictionary<string, double> Now()
    {
        var uses = new Dictionary<string, double>(StringComparer.Ordinal);
        var mappings = Mappings();
        var managed = Managed(mappings);
        foreach (var mapping in mappings)
        {
            var purpose = Purpose(mapping, managed);
            uses[purpose] = uses.GetValueOrDefault(purpose) + mapping.Resident;
        }
        // The system joins neighbouring mappings of a kind, so these are counted by page.
        var (begin, bytes) = TensorMemory.Touched;
        uses["tensors"] = Resident(begin, bytes);
        uses["other"] -= uses["tensors"];
        var c = Counted();
        (uses["(C in use)"], uses["(C free)"]) = (c.InUse + c.Mapped, c.Free);
        uses["(committed)"] = GC.GetGCMemoryInfo().TotalCommittedBytes;
        return uses;
    }

    private static string Purpose(Mapping mapping, (nint Begin, nint End) managed) => mapping switch
    {
        { Name: "[heap]" } => "C heap",
        { Name: "" } when mapping.Begin >= managed.Begin && mapping.Begin < managed.End => "managed heap",
        { Name: "" } when mapping.Begin % ArenaAlignment == 0 => "C heaps of threads",
        { Name: "" } => "other",
        _ when mapping.Name.Contains("doublemapper", StringComparison.Ordinal) => "compiled code",
        _ when mapping.Name[0] == '[' => "stack",
        _ => "files",
    };

    // The runtime reserves the managed heap as one range and commits parts of it: mappings without a gap around any object.
    private static (nint, nint) Managed(List<Mapping> mappings)
    {
        var anchor = new object();
        // A reference is an address, good for finding a mapping as long as nobody follows it.
        var place = *(nint*)Unsafe.AsPointer(ref anchor);
        var first = mappings.FindIndex(m => m.Begin <= place && place < m.End);
        var last = first;
        bool Joins(int a, int b) => mappings[a].End == mappings[b].Begin && mappings[a].Name.Length + mappings[b].Name.Length == 0;
        while (first > 0 && Joins(first - 1, first))
            first--;
        while (last < mappings.Count - 1 && Joins(last, last + 1))
            last++;
        return (mappings[first].Begin, mappings[last].End);
    }

    private static List<Mapping> Mappings()
    {
        var mappings = new List<Mapping>();
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts[0] == "Rss:")
                mappings[^1] = mappings[^1] with { Resident = 1024 * double.Parse(parts[1], CultureInfo.InvariantCulture) };
            else if (parts[0].Contains('-', StringComparison.Ordinal) && parts[0][^1] != ':')
            {
                var ends = parts[0].Split('-');
                mappings.Add(new(Address(ends[0]), Address(ends[1]), parts.Length > 5 ? parts[5] : "", 0));
            }
        }
        return mappings;
    }

    private static nint Address(string text) => nint.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    // The highest bit of a page's 64 says that it is present.
    private static double Resident(nint begin, long bytes)
    {
        var pages = new byte[8 * (bytes / Environment.SystemPageSize)];
        using var map = File.OpenHandle("/proc/self/pagemap");
        var read = 0;
        while (read < pages.Length
            && RandomAccess.Read(map, pages.AsSpan(read), (begin / Environment.SystemPageSize * 8) + read) is > 0 and var some)
            read += some;
        return Enumerable.Range(0, pages.Length / 8).Count(p => pages[(p * 8) + 7] >= 0x80) * (double)Environment.SystemPageSize;
    }

    // struct mallinfo2 of <malloc.h>: sums over all heaps.
    [LibraryImport("libc.so.6", EntryPoint = "mallinfo2")]
    private static partial Allocated Counted();

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Allocated
    {
        public readonly nuint Arena, FreeParts, FastParts, MappedParts, Mapped, Unused, InFastParts, InUse, Free, Top;
    }

    private sealed record Mapping(nint Begin, nint End, string Name, double Resident);
}
