namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>Shared memory of the running block: bounds, reads of what the block has not written, and races are errors.</summary>
internal sealed unsafe class SharedMemory(EpochClock clock)
{
    /// <summary>Address of the first byte in the shared space; not zero, so that a null pointer is no address.</summary>
    public const ulong Base = 0x100;

    /// <summary>Where the shared space lies in the generic one: no address of a process.</summary>
    public const ulong Window = 0x7F00_0000_0000_0000;

    private byte[] bytes = [];
    private byte[] onTheWay = [];
    private RaceShadow shadow = new(clock, 0, 2, ofBlock: true, "shared memory");

    /// <summary>Makes room for a block's memory, its content undefined.</summary>
    public void Start(int size)
    {
        if (bytes.Length < size)
        {
            bytes = GC.AllocateArray<byte>(size, pinned: true);
            shadow = new RaceShadow(clock, size, 2, ofBlock: true, "shared memory");
            onTheWay = new byte[size];
        }
        Size = size;
        onTheWay.AsSpan().Clear();
    }

    /// <summary>Bytes of the running block.</summary>
    public int Size { get; private set; }

    /// <summary>Bytes that were read or written so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Marks bytes that a copy will write, or has: until then nobody may touch them.</summary>
    /// <exception cref="PtxException">Out of bounds, a race, or another copy to the same bytes.</exception>
    public byte* Copy(ulong address, int size, bool begins, int thread)
    {
        if (!begins)
            Mark(address, size, false);
        var p = Access(address, size, write: true, atomic: false, thread);
        Bytes -= begins ? size : 0;
        if (begins)
            Mark(address, size, true);
        return p;
    }

    private void Mark(ulong address, int size, bool value) =>
        onTheWay.AsSpan((int)(address - Base), size).Fill(value ? (byte)1 : (byte)0);

    /// <summary>The bytes of an access by a thread, after its checks.</summary>
    /// <exception cref="PtxException">Out of bounds, not written before, or a race.</exception>
    public byte* Access(ulong address, int size, bool write, bool atomic, int thread)
    {
        var offset = address - Base;
        if (address < Base || offset + (ulong)size > (ulong)Size)
            throw new PtxException($"{size} bytes at {(long)offset} lie outside the block's {Size} bytes of shared memory");
        if (onTheWay.AsSpan((int)offset, size).ContainsAnyExcept((byte)0))
            throw new PtxException($"race: thread {thread} {(write ? "writes" : "reads")} byte {offset} of shared memory, to which a copy "
                + "is on its way");
        Bytes += size;
        if ((!write || atomic) && !shadow.WrittenByBlock((long)offset, size))
            throw new PtxException($"reads byte {offset} of shared memory, which this block has not written");
        shadow.Note((long)offset, size, write, atomic, thread);
        fixed (byte* start = bytes)
            return start + offset;
    }
}
