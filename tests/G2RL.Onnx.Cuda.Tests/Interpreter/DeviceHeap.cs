using System.Runtime.InteropServices;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>
/// Device memory of the interpreter: host memory in blocks, each with a gap around it, so that an access outside of every block is seen.
/// Fresh memory is all ones: NaN as a float. With tracking, a read of a byte that nothing has written is an error, and so is a race.
/// </summary>
internal sealed unsafe class DeviceHeap(bool tracksWrites = false) : IDisposable
{
    private const int Gap = 256;

    private static long versions;

    private readonly List<Block> blocks = [];

    /// <summary>Another number after every change of the set of blocks; no two heaps share one.</summary>
    public long Version { get; private set; } = Interlocked.Increment(ref versions);

    /// <summary>The epochs of the machine that works on this heap.</summary>
    public EpochClock Clock { get; } = new();

    /// <summary>Bytes in blocks.</summary>
    public long Bytes { get; private set; }

    /// <summary>Whether reads of bytes never written are errors.</summary>
    public bool TracksWrites => tracksWrites;

    /// <summary>Reserves a block, aligned to 256 bytes.</summary>
    public nint Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        var memory = (byte*)NativeMemory.AlignedAlloc(checked((nuint)bytes + (2 * Gap)), Gap);
        NativeMemory.Fill(memory, (nuint)bytes + (2 * Gap), 0xFF);
        var block = new Block(
            (ulong)memory + Gap,
            bytes,
            tracksWrites ? new bool[bytes] : null,
            tracksWrites ? new RaceShadow(Clock, bytes, 1, ofBlock: false, $"a block of {bytes} bytes of device memory") : null);
        var at = ~Search(block.Start);
        blocks.Insert(at, block);
        Version = Interlocked.Increment(ref versions);
        Bytes += bytes;
        return (nint)block.Start;
    }

    /// <summary>Gives a block back.</summary>
    /// <exception cref="PtxException">No block starts there.</exception>
    public void Free(nint pointer)
    {
        var at = Search((ulong)pointer);
        if (at < 0)
            throw new PtxException($"No block starts at {pointer:x}; it was freed before, or never allocated.");
        Bytes -= blocks[at].Bytes;
        NativeMemory.AlignedFree((byte*)pointer - Gap);
        blocks.RemoveAt(at);
        Version = Interlocked.Increment(ref versions);
    }

    /// <summary>A range of one block, for a copy from outside.</summary>
    /// <exception cref="PtxException">The range is not within a block.</exception>
    public Span<byte> Range(nint pointer, long bytes, bool write)
    {
        Check((ulong)pointer, bytes, write);
        return new Span<byte>((byte*)pointer, checked((int)bytes));
    }

    /// <summary>Checks a range of any length, and marks it where it is to be written.</summary>
    public void Check(ulong address, long bytes, bool write)
    {
        var block = Find(address, bytes);
        if (write && block.Written is not null)
            Array.Fill(block.Written, true, (int)(address - block.Start), (int)bytes);
    }

    /// <summary>The block around an address.</summary>
    internal Block Find(ulong address, long bytes)
    {
        var at = Search(address);
        at = at < 0 ? ~at - 1 : at;
        if (at < 0 || address + (ulong)bytes > blocks[at].End)
            throw new PtxException(
                $"{bytes} bytes at {address:x} lie in no block of device memory" + (at >= 0
                    ? $" (the block before starts {address - blocks[at].Start} bytes earlier and has {blocks[at].Bytes})."
                    : "."));
        return blocks[at];
    }

    /// <summary>Notes an access of a thread: what is read must have been written, and nothing may race.</summary>
    internal void Track(ulong address, int bytes, bool write, bool atomic, int thread)
    {
        var block = Find(address, bytes);
        var offset = (long)(address - block.Start);
        var range = block.Written.AsSpan((int)offset, bytes);
        if ((!write || atomic) && range.Contains(false))
            throw new PtxException($"reads device memory that nothing has written, {offset} bytes into a block of {block.Bytes}");
        if (write)
            range.Fill(true);
        block.Shadow!.Note(offset, bytes, write, atomic, thread);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (blocks.Count > 0)
            Free((nint)blocks[^1].Start);
    }

    private int Search(ulong start)
    {
        var (low, high) = (0, blocks.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (blocks[middle].Start == start)
                return middle;
            if (blocks[middle].Start < start)
                low = middle + 1;
            else
                high = middle - 1;
        }
        return ~low;
    }

    /// <summary>A block.</summary>
    internal sealed record Block(ulong Start, long Bytes, bool[]? Written, RaceShadow? Shadow)
    {
        public ulong End => Start + (ulong)Bytes;
    }
}
