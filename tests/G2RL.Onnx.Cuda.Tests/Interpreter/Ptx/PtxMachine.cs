namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>In what order threads of a warp, warps of a block and blocks of a grid run.</summary>
public enum ThreadOrder
{
    Forward,
    Reverse,
    Shuffled,
}

/// <summary>How the interpreter runs.</summary>
public sealed record InterpreterSettings
{
    /// <summary>Order of threads, warps and blocks.</summary>
    public ThreadOrder Order { get; init; }

    /// <summary>Of the shuffled order and of the noise.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Share of the documented error of approximate instructions that is used.</summary>
    public double Noise { get; init; }

    /// <summary>
    /// Every block starts with undefined registers (otherwise the first of a launch does), and device memory remembers what was written and
    /// who touched it.
    /// </summary>
    public bool Strict { get; init; }

    /// <summary>Instructions of one launch, after which it counts as endless.</summary>
    public long MaxInstructions { get; init; } = 20_000_000_000;
}

/// <summary>
/// Runs kernels on the CPU, thread by thread, each until it ends or waits. Every access is checked against the blocks of memory and for
/// alignment; reads of registers, shared and device memory that nothing has written, races, and barriers that not every thread reaches are
/// errors (of device memory: when strict).
/// </summary>
internal sealed unsafe partial class PtxMachine(DeviceHeap heap, InterpreterSettings settings)
{
    private readonly SharedMemory shared = new(heap.Clock);
    private readonly ApproximateMath approximate = new(settings.Noise, settings.Seed);
    private readonly Random random = new((int)settings.Seed);
    private Lane[] lanes = [];
    private ulong[] registers = [];
    private byte[] parameters = [];
    private PtxKernel kernel = null!;
    private PtxInstruction* code;
    private long budget;
    private (int X, int Y, int Z) cta;

    private enum LaneState
    {
        Ready,
        AtBlockBarrier,
        AtWarp,
        Done,
    }

    /// <summary>Instructions executed so far.</summary>
    public long Instructions { get; private set; }

    /// <summary>Bytes that loads and stores of device memory have moved so far.</summary>
    public long DeviceBytes { get; private set; }

    /// <summary>Loads and stores of device memory so far.</summary>
    public long DeviceAccesses { get; private set; }

    /// <summary>Atomic operations on shared memory so far.</summary>
    public long SharedAtomics { get; private set; }

    /// <summary>Of them moves from register to register, which an assembler leaves out.</summary>
    public long Moves { get; private set; }

    /// <summary>Products of tiles by tensor cores so far, of 16 x 16 x 8 each.</summary>
    public long Products { get; private set; }

    /// <summary>Bytes that went into shared memory or came from it so far.</summary>
    public long SharedBytes => shared.Bytes;

    /// <summary>Approximate powers of two so far.</summary>
    public long Exponentials { get; private set; }

    /// <summary>Runs a grid to its end.</summary>
    /// <exception cref="PtxException">Arguments that do not fit the kernel, or anything the kernel did wrong; the message names kernel,
    /// block, thread and instruction.</exception>
    public void Launch(
        PtxKernel started,
        (int X, int Y, int Z) grid,
        (int X, int Y, int Z) block,
        int sharedBytes,
        ReadOnlySpan<KernelArgument> arguments)
    {
        kernel = started;
        Marshal(arguments);
        var threads = checked(block.X * block.Y * block.Z);
        if (block.X < 1 || block.Y < 1 || block.Z < 1 || threads > kernel.MaxThreads)
            throw new PtxException($"{kernel.Name}: a block of {block.X} x {block.Y} x {block.Z} threads; "
                + $"the kernel takes 1 to {kernel.MaxThreads}.");
        if (grid.X < 1 || grid.Y is < 1 or > 65535 || grid.Z is < 1 or > 65535)
            throw new PtxException($"{kernel.Name}: a grid of {grid.X} x {grid.Y} x {grid.Z} blocks; x takes 1 to 2^31 - 1, y and z 1 to "
                + "65535.");
        Reserve(threads);
        kernel.Renew(heap.Version);
        heap.Clock.StartLaunch();
        budget = settings.MaxInstructions;
        // Both arrays are pinned for as long as they live.
        code = (PtxInstruction*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(kernel.Code, 0);
        var undefine = true;
        var blocks = checked(grid.X * grid.Y * grid.Z);
        var order = settings.Order == ThreadOrder.Forward ? [] : Order(blocks);
        for (var b = 0; b < blocks; b++)
        {
            var at = order.Length == 0 ? b : order[b];
            cta = (at % grid.X, at / grid.X % grid.Y, at / (grid.X * grid.Y));
            Block(grid, block, threads, sharedBytes, undefine);
            undefine = settings.Strict;
        }
        Instructions += settings.MaxInstructions - budget;
    }

    private void Marshal(ReadOnlySpan<KernelArgument> arguments)
    {
        if (arguments.Length != kernel.Parameters.Count)
            throw new PtxException($"{kernel.Name} takes {kernel.Parameters.Count} arguments, not {arguments.Length}.");
        if (parameters.Length < 256)
            parameters = new byte[4096];
        for (var i = 0; i < arguments.Length; i++)
        {
            var (bytes, offset) = kernel.Parameters[i];
            if (arguments[i].Bytes != bytes)
                throw new PtxException($"{kernel.Name}: argument {i} has {arguments[i].Bytes} bytes; the kernel reads {bytes}.");
            BitConverter.GetBytes(arguments[i].Bits).AsSpan(0, bytes).CopyTo(parameters.AsSpan(offset));
        }
    }

    private void Reserve(int threads)
    {
        var width = kernel.Template.Length;
        if (registers.Length < threads * width)
            registers = GC.AllocateUninitializedArray<ulong>(threads * width, pinned: true);
        if (lanes.Length < threads)
            lanes = new Lane[threads];
        var start = (ulong*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(registers, 0);
        for (var t = 0; t < threads; t++)
            lanes[t].Registers = start + (t * width);
    }

    private int[] Order(int n)
    {
        var order = new int[n];
        for (var i = 0; i < n; i++)
            order[i] = settings.Order == ThreadOrder.Reverse ? n - 1 - i : i;
        if (settings.Order == ThreadOrder.Shuffled)
            random.Shuffle(order);
        return order;
    }

    private void Block((int X, int Y, int Z) grid, (int X, int Y, int Z) block, int threads, int sharedBytes, bool undefine)
    {
        heap.Clock.StartBlock();
        copies.Clear();
        shared.Start(kernel.SharedBytes + sharedBytes);
        for (var t = 0; t < threads; t++)
        {
            ref var lane = ref lanes[t];
            (lane.Pc, lane.State) = (0, LaneState.Ready);
            if (undefine)
                kernel.Template.CopyTo(new Span<ulong>(lane.Registers, kernel.Template.Length));
            var (x, y, z) = (t % block.X, t / block.X % block.Y, t / (block.X * block.Y));
            ReadOnlySpan<int> values = [x, y, z, cta.X, cta.Y, cta.Z, block.X, block.Y, block.Z, grid.X, grid.Y, grid.Z, t % 32, t / 32];
            for (var s = 0; s < values.Length; s++)
                if (kernel.Special.Indices[s] is >= 0 and var at)
                    lane.Registers[at] = (uint)values[s];
        }
        var warps = (threads + 31) / 32;
        var forward = settings.Order == ThreadOrder.Forward;
        while (true)
        {
            var order = forward ? [] : Order(warps);
            for (var w = 0; w < warps; w++)
                Warp(forward ? w : order[w], threads);
            // Now every thread waits at a barrier of the block, or has ended.
            var (waiting, pc) = (0, -1);
            for (var t = 0; t < threads; t++)
                if (lanes[t].State == LaneState.AtBlockBarrier)
                {
                    if (pc >= 0 && lanes[t].Pc != pc)
                        throw Fault(t, "waits at another barrier than other threads of the block");
                    pc = lanes[t].Pc;
                    waiting++;
                }
            if (waiting == 0)
                return;
            if (waiting < threads)
                throw Fault(
                    Array.FindIndex(lanes, l => l.State == LaneState.AtBlockBarrier),
                    $"waits at a barrier that {threads - waiting} threads of the block never reach");
            heap.Clock.BlockBarrier();
            for (var t = 0; t < threads; t++)
                (lanes[t].Pc, lanes[t].State) = (pc + 1, LaneState.Ready);
        }
    }

    private ulong Read(int thread, int register)
    {
        var value = lanes[thread].Registers[register];
        return value != PtxKernel.Undefined
            ? value
            : throw Fault(thread, $"reads register {kernel.RegisterNames[register]} before anything is written to it");
    }

    private PtxException Fault(int thread, string what) => Fault(thread, lanes[thread].Pc, what);

    private PtxException Fault(int thread, int pc, string what) =>
        new($"{kernel.Name}, block ({cta.X}, {cta.Y}, {cta.Z}), thread {thread}, at «{kernel.Text[pc]}»: {what}.");

    private struct Lane
    {
        public ulong* Registers;
        public int Pc;
        public LaneState State;
    }
}
