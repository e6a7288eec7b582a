namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>
/// Shared memory of the running block, and who touched each word of it since when. Two threads that touch a word without a barrier between, one of them
/// writing, is an error, whatever order the interpreter happens to run them in.
/// </summary>
internal sealed unsafe class SharedMemory
{
    /// <summary>Address of the first byte in the shared space; not zero, so that a null pointer is no address.</summary>
    public const ulong Base = 0x100;

    /// <summary>Where the shared space lies in the generic one: no address of a process.</summary>
    public const ulong Window = 0x7F00_0000_0000_0000;

    private const int Atomic = int.MaxValue;
    private const int ManyWarps = -1;

    private readonly int[] warpEpochs = new int[32];
    private byte[] bytes = [];
    private Touch[] writes = [];
    private Touch[] reads = [];
    private int epoch;
    private int firstEpoch;

    /// <summary>Makes room for a block's memory, its content undefined.</summary>
    public void Start(int size)
    {
        if (bytes.Length < size)
        {
            bytes = GC.AllocateArray<byte>(size + 16, pinned: true);
            (writes, reads) = (new Touch[(bytes.Length + 3) / 4], new Touch[(bytes.Length + 3) / 4]);
        }
        Size = size;
        firstEpoch = ++epoch;
    }

    /// <summary>Bytes of the running block.</summary>
    public int Size { get; private set; }

    /// <summary>A barrier of the block.</summary>
    public void BlockBarrier() => epoch++;

    /// <summary>A barrier of a warp.</summary>
    public void WarpBarrier(int warp) => warpEpochs[warp]++;

    /// <summary>The bytes of an access by a thread, after its checks.</summary>
    /// <exception cref="PtxException">Out of bounds, misaligned, not written before, or a race.</exception>
    public byte* Access(ulong address, int size, bool write, bool atomic, int thread)
    {
        var offset = address - Base;
        if (address < Base || offset + (ulong)size > (ulong)Size)
            throw new PtxException($"{size} bytes at {(long)offset} lie outside the block's {Size} bytes of shared memory");
        var warp = thread / 32;
        for (var word = (int)offset / 4; word <= ((int)offset + size - 1) / 4; word++)
        {
            ref var written = ref writes[word];
            ref var read = ref reads[word];
            if (!write && written.Epoch < firstEpoch)
                throw new PtxException($"reads byte {word * 4} of shared memory, which this block has not written");
            if (written.Epoch == epoch && written.Thread != thread && !(atomic && written.Thread == Atomic) && !Ordered(written, warp))
                throw new PtxException($"race: thread {thread} {(write ? "writes" : "reads")} byte {word * 4} of shared memory, which {(written.Thread == Atomic ? "an atomic operation" : $"thread {written.Thread}")} wrote, and no barrier lies between");
            if (write && !atomic && read.Epoch == epoch && read.Thread != thread && !Ordered(read, warp))
                throw new PtxException($"race: thread {thread} writes byte {word * 4} of shared memory, which {(read.Thread < 0 ? "other threads" : $"thread {read.Thread}")} read, and no barrier lies between");
            if (write)
                written = new Touch { Epoch = epoch, Thread = atomic ? Atomic : thread, WarpEpoch = warpEpochs[warp] };
            else
                read = new Touch
                {
                    Epoch = epoch,
                    Thread = read.Epoch != epoch || read.Thread == thread ? thread : read.Thread != ManyWarps && WarpOf(read.Thread) == warp ? -2 - warp : ManyWarps,
                    WarpEpoch = warpEpochs[warp],
                };
        }
        fixed (byte* start = bytes)
            return start + offset;
    }

    // Threads of one warp are ordered by a barrier of that warp.
    private bool Ordered(in Touch touch, int warp) => touch.Thread is not (Atomic or ManyWarps) && WarpOf(touch.Thread) == warp && touch.WarpEpoch < warpEpochs[warp];

    private static int WarpOf(int thread) => thread < 0 ? -2 - thread : thread / 32;

    // Thread: -1 stands for threads of several warps, -2 - w for several threads of warp w.
    private struct Touch
    {
        public int Epoch;
        public int Thread;
        public int WarpEpoch;
    }
}
