namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>Shared memory of the running block: bounds, reads of what the block has not written, and races are errors.</summary>
internal sealed unsafe class SharedMemory(EpochClock clock)
{
    /// <summary>Address of the first byte in the shared space; not zero, so that a null pointer is no address.</summary>
    public const ulong Base = 0x100;

    /// <summary>Where the shared space lies in the generic one: no address of a process.</summary>
    public const ulong Window = 0x7F00_0000_0000_0000;

    private byte[] bytes = [];
    private RaceShadow shadow = new(clock, 0, 2, ofBlock: true, "shared memory");

    /// <summary>Makes room for a block's memory, its content undefined.</summary>
    public void Start(int size)
    {
        if (bytes.Length < size)
        {
            bytes = GC.AllocateArray<byte>(size, pinned: true);
            shadow = new RaceShadow(clock, size, 2, ofBlock: true, "shared memory");
        }
        Size = size;
    }

    /// <summary>Bytes of the running block.</summary>
    public int Size { get; private set; }

    /// <summary>The bytes of an access by a thread, after its checks.</summary>
    /// <exception cref="PtxException">Out of bounds, not written before, or a race.</exception>
    public byte* Access(ulong address, int size, bool write, bool atomic, int thread)
    {
        var offset = address - Base;
        if (address < Base || offset + (ulong)size > (ulong)Size)
            throw new PtxException($"{size} bytes at {(long)offset} lie outside the block's {Size} bytes of shared memory");
        if ((!write || atomic) && !shadow.WrittenByBlock((long)offset, size))
            throw new PtxException($"reads byte {offset} of shared memory, which this block has not written");
        shadow.Note((long)offset, size, write, atomic, thread);
        fixed (byte* start = bytes)
            return start + offset;
    }
}
