namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>
/// What a thread did before another, as far as barriers say: an epoch begins with every launch, block and barrier of a block. Blocks run
/// one after another here, yet no two of a launch are ordered.
/// </summary>
internal sealed class EpochClock
{
    private readonly int[] warps = new int[32];

    /// <summary>The running epoch.</summary>
    public int Now { get; private set; }

    /// <summary>The first epoch of the running block.</summary>
    public int BlockStart { get; private set; }

    /// <summary>The first epoch of the running launch.</summary>
    public int LaunchStart { get; private set; }

    public void StartLaunch() => LaunchStart = Now + 1;

    public void StartBlock() => BlockStart = ++Now;

    public void BlockBarrier() => Now++;

    public void WarpBarrier(int warp) => warps[warp]++;

    public int Warp(int warp) => warps[warp];
}

/// <summary>
/// Who touched each granule of some memory, and when. Two threads that touch one with no barrier between, at least one of them writing and
/// not both in atomic operations, race, whatever order the interpreter happens to run them in.
/// </summary>
/// <param name="clock">Of the machine.</param>
/// <param name="bytes">Size of the memory.</param>
/// <param name="shift">A granule has 1 &lt;&lt; shift bytes.</param>
/// <param name="ofBlock">Each block has such memory to itself; otherwise what two blocks of a launch touch is shared between them.</param>
/// <param name="what">Names the memory in messages.</param>
internal sealed class RaceShadow(EpochClock clock, long bytes, int shift, bool ofBlock, string what)
{
    private const int Atomic = int.MaxValue;
    private const int ManyWarps = -1;

    private readonly Touch[] writes = new Touch[(bytes + (1 << shift) - 1) >> shift];
    private readonly Touch[] reads = new Touch[(bytes + (1 << shift) - 1) >> shift];

    /// <summary>Whether all of a range was written in the running block.</summary>
    public bool WrittenByBlock(long offset, int size)
    {
        for (var g = offset >> shift; g <= (offset + size - 1) >> shift; g++)
            if (writes[g].Epoch < clock.BlockStart)
                return false;
        return true;
    }

    /// <summary>Notes an access.</summary>
    /// <exception cref="PtxException">It races with one before.</exception>
    public void Note(long offset, int size, bool write, bool atomic, int thread)
    {
        var warp = thread / 32;
        for (var g = offset >> shift; g <= (offset + size - 1) >> shift; g++)
        {
            ref var written = ref writes[g];
            ref var read = ref reads[g];
            if (!(atomic && written.Thread == Atomic) && Conflicts(written, thread, warp))
                throw new PtxException($"race: thread {thread} {(write ? "writes" : "reads")} byte {g << shift} of {what}, which "
                    + $"{Who(written)} wrote, and no barrier lies between");
            if (write && !atomic && Conflicts(read, thread, warp))
                throw new PtxException($"race: thread {thread} writes byte {g << shift} of {what}, which {Who(read)} read, and no barrier "
                    + "lies between");
            if (write)
                written = new Touch
                {
                    Epoch = clock.Now,
                    FirstEpoch = clock.Now,
                    Thread = atomic ? Atomic : thread,
                    WarpEpoch = clock.Warp(warp),
                };
            else
                read = new Touch
                {
                    Epoch = clock.Now,
                    FirstEpoch = read.Epoch >= clock.LaunchStart ? read.FirstEpoch : clock.Now,
                    Thread = read.Epoch != clock.Now || read.Thread == thread
                        ? thread
                        : read.Thread != ManyWarps && WarpOf(read.Thread) == warp ? -2 - warp
                        : ManyWarps,
                    WarpEpoch = clock.Warp(warp),
                };
        }
    }

    private bool Conflicts(in Touch touch, int thread, int warp)
    {
        if (touch.Epoch < (ofBlock ? clock.BlockStart : clock.LaunchStart))
            return false;
        if (!ofBlock && touch.FirstEpoch < clock.BlockStart)
            return true;
        var ordered = touch.Thread is not (Atomic or ManyWarps) && WarpOf(touch.Thread) == warp && touch.WarpEpoch < clock.Warp(warp);
        return touch.Epoch == clock.Now && touch.Thread != thread && !ordered;
    }

    private string Who(in Touch touch) => !ofBlock && touch.FirstEpoch < clock.BlockStart
        ? "another block"
        : touch.Thread == Atomic ? "an atomic operation"
        : touch.Thread < 0 ? "several threads"
        : $"thread {touch.Thread}";

    private static int WarpOf(int thread) => thread < 0 ? -2 - thread : thread / 32;

    // Thread: -1 stands for threads of several warps, -2 - w for several threads of warp w. FirstEpoch: of the first read of the launch.
    private struct Touch
    {
        public int Epoch;
        public int FirstEpoch;
        public int Thread;
        public int WarpEpoch;
    }
}
