using System.Numerics;
using System.Runtime.CompilerServices;

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
internal sealed unsafe class PtxMachine(DeviceHeap heap, InterpreterSettings settings)
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

    // Runs a warp until each of its lanes has ended or waits for the block.
    private void Warp(int warp, int threads)
    {
        var first = warp * 32;
        var count = Math.Min(32, threads - first);
        var forward = settings.Order == ThreadOrder.Forward;
        while (true)
        {
            var order = forward ? [] : Order(count);
            for (var l = 0; l < count; l++)
            {
                var t = first + (forward ? l : order[l]);
                if (lanes[t].State == LaneState.Ready)
                    Run(t);
            }
            var waiting = 0u;
            for (var l = 0; l < count; l++)
                if (lanes[first + l].State == LaneState.AtWarp)
                    waiting |= 1u << l;
            if (waiting == 0)
                return;
            Meet(first, count, waiting);
        }
    }

    // Lanes that wait for each other: all that the mask names must wait at the same instruction.
    private void Meet(int first, int count, uint waiting)
    {
        var released = false;
        for (var left = waiting; left != 0;)
        {
            var leader = first + BitOperations.TrailingZeroCount(left);
            var pc = lanes[leader].Pc;
            var instruction = code + pc;
            var mask = (uint)Read(leader, instruction->E) & (count == 32 ? uint.MaxValue : (1u << count) - 1);
            var here = 0u;
            for (var l = 0; l < count; l++)
                if ((left >> l & 1) != 0
                    && lanes[first + l].Pc == pc
                    && ((uint)Read(first + l, instruction->E) & (count == 32 ? uint.MaxValue : (1u << count) - 1)) == mask)
                    here |= 1u << l;
            left &= ~here;
            if (here != mask)
                continue;
            Exchange(first, instruction, mask);
            released = true;
        }
        if (!released)
        {
            var leader = first + BitOperations.TrailingZeroCount(waiting);
            throw Fault(leader, "waits for lanes of its warp that never come, or that name another mask");
        }
    }

    private void Exchange(int first, PtxInstruction* i, uint mask)
    {
        if (i->Op is PtxOp.MultiplyTiles or PtxOp.LoadTransposed)
        {
            Fragments(first, i, mask);
            return;
        }
        Span<ulong> results = stackalloc ulong[32];
        var ballot = 0u;
        for (var l = 0; l < 32; l++)
            if ((mask >> l & 1) != 0)
                switch (i->Op)
                {
                    case PtxOp.BarrierWarp:
                        break;
                    case PtxOp.Ballot:
                        ballot |= (uint)(Read(first + l, i->A) & 1) << l;
                        break;
                    default:
                        results[l] = Read(first + SourceLane(first, i, l, mask), i->A);
                        break;
                }
        if (i->Op == PtxOp.BarrierWarp)
            heap.Clock.WarpBarrier(first / 32);
        for (var l = 0; l < 32; l++)
            if ((mask >> l & 1) != 0)
            {
                ref var lane = ref lanes[first + l];
                if (i->Op != PtxOp.BarrierWarp)
                    lane.Registers[i->D] = i->Op == PtxOp.Ballot ? ballot : (uint)results[l];
                lane.Pc++;
                lane.State = LaneState.Ready;
            }
    }

    // Instructions in which the lanes of a whole warp hold parts of matrices.
    private void Fragments(int first, PtxInstruction* i, uint mask)
    {
        if (mask != uint.MaxValue)
            throw Fault(first, "works on matrices of a whole warp");
        var places = kernel.Fragments[i->Offset];
        const int written = 4;
        var given = new uint[32, places.Length - written];
        for (var l = 0; l < 32; l++)
            for (var k = written; k < places.Length; k++)
                given[l, k - written] = (uint)Read(first + l, places[k]);
        var results = i->Op == PtxOp.MultiplyTiles
            ? PtxFragments.Multiply(given, approximate)
            : PtxFragments.Transposed(given, (lane, address) =>
            {
                if (address % 16 != 0)
                    throw Fault(first + lane, $"16 bytes at {address:x}, which is not aligned to 16");
                return (nint)shared.Access(address, 16, write: false, atomic: false, first + lane);
            });
        for (var l = 0; l < 32; l++)
        {
            ref var lane = ref lanes[first + l];
            for (var k = 0; k < written; k++)
                lane.Registers[places[k]] = results[l, k];
            lane.Pc++;
            lane.State = LaneState.Ready;
        }
    }

    // PTX ISA, shfl.sync: the lane that is read, or the own one where that lies outside the segment.
    private int SourceLane(int first, PtxInstruction* i, int lane, uint mask)
    {
        var (b, c) = ((int)Read(first + lane, i->B) & 31, (int)Read(first + lane, i->C));
        var (segment, clamp) = (c >> 8 & 31, c & 31);
        var most = (lane & segment) | (clamp & ~segment);
        var source = i->Op switch
        {
            PtxOp.ShuffleXor => lane ^ b,
            PtxOp.ShuffleUp => lane - b,
            PtxOp.ShuffleDown => lane + b,
            _ => (lane & segment) | (b & ~segment),
        };
        var inside = i->Op == PtxOp.ShuffleUp ? source >= most : source <= most;
        source = inside ? source : lane;
        return (mask >> source & 1) != 0 ? source : throw Fault(first + lane, $"reads lane {source}, which takes no part in the shuffle");
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

    // Runs one thread until it ends or waits.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Run(int thread)
    {
        var r = lanes[thread].Registers;
        var pc = lanes[thread].Pc;
        var left = budget;
        try
        {
            while (true)
            {
                var i = code + pc++;
                if (--left < 0)
                    throw new PtxException($"does not end within {settings.MaxInstructions} instructions of the launch");
                if (i->Guard >= 0)
                {
                    var guard = r[i->Guard];
                    if (guard == PtxKernel.Undefined)
                        throw Undefined();
                    if (guard != 0 == i->SkipOn)
                        continue;
                }
                var (a, b, c) = (r[i->A], r[i->B], r[i->C]);
                if ((a == PtxKernel.Undefined || b == PtxKernel.Undefined || c == PtxKernel.Undefined) && UsesUndefined(i, a, b, c))
                    throw Undefined();
                ulong d;
                switch (i->Op)
                {
                    case PtxOp.Branch:
                        pc = i->Offset;
                        continue;
                    case PtxOp.Return:
                        (lanes[thread].Pc, lanes[thread].State) = (pc - 1, LaneState.Done);
                        budget = left;
                        return;
                    case PtxOp.BarrierBlock:
                        (lanes[thread].Pc, lanes[thread].State) = (pc - 1, LaneState.AtBlockBarrier);
                        budget = left;
                        return;
                    case PtxOp.BarrierWarp or PtxOp.ShuffleXor or PtxOp.ShuffleUp or PtxOp.ShuffleDown or PtxOp.ShuffleIndex
                        or PtxOp.Ballot or PtxOp.MultiplyTiles or PtxOp.LoadTransposed:
                        (lanes[thread].Pc, lanes[thread].State) = (pc - 1, LaneState.AtWarp);
                        budget = left;
                        return;
                    case PtxOp.LoadParameter:
                        d = i->Size == 8
                            ? BitConverter.ToUInt64(parameters, i->Offset)
                            : i->Size == 4 ? BitConverter.ToUInt32(parameters, i->Offset)
                            : BitConverter.ToUInt16(parameters, i->Offset);
                        break;
                    case PtxOp.Load:
                        {
                            var p = Access(i, a + (ulong)i->Offset, false, thread);
                            if (i->Count == 1 && i->Size == 4)
                            {
                                d = i->Signed ? (ulong)*(int*)p : *(uint*)p;
                                d = (uint)d;
                                break;
                            }
                            LoadVector(i, p, r);
                            continue;
                        }
                    case PtxOp.Store:
                        {
                            var p = Access(i, a + (ulong)i->Offset, true, thread);
                            d = r[i->D];
                            if (d == PtxKernel.Undefined)
                                throw Undefined();
                            if (i->Count == 1 && i->Size == 4)
                                *(uint*)p = (uint)d;
                            else
                                StoreVector(i, p, r);
                            continue;
                        }
                    case PtxOp.AtomicAddInteger or PtxOp.AtomicAddFloat or PtxOp.AtomicMinUnsigned:
                        d = AtomicAccess(i, a + (ulong)i->Offset, b, thread);
                        break;
                    case PtxOp.AddWindow:
                        d = a + SharedMemory.Window;
                        break;
                    case PtxOp.RemoveWindow:
                        d = a - SharedMemory.Window;
                        break;
                    case PtxOp.Split32:
                        r[i->B] = (ushort)(a >> 16);
                        d = (ushort)a;
                        break;
                    case PtxOp.Split64:
                        r[i->B] = a >> 32;
                        d = (uint)a;
                        break;
                    case PtxOp.Join32:
                        d = (ushort)a | (uint)((ushort)b << 16);
                        break;
                    case PtxOp.Join64:
                        d = (uint)a | b << 32;
                        break;
                    case PtxOp.Move32:
                        d = a == PtxKernel.Undefined ? a : (uint)a;
                        break;
                    case PtxOp.Move64:
                        d = a;
                        break;
                    case PtxOp.Add32:
                        d = (uint)(a + b);
                        break;
                    case PtxOp.Sub32:
                        d = (uint)(a - b);
                        break;
                    case PtxOp.Mul32:
                        d = (uint)(a * b);
                        break;
                    case PtxOp.Mad32:
                        d = (uint)((a * b) + c);
                        break;
                    case PtxOp.DivS32:
                        d = (uint)Divide((int)a, (int)b);
                        break;
                    case PtxOp.DivU32:
                        d = (uint)a / NotZero((uint)b);
                        break;
                    case PtxOp.RemS32:
                        d = (uint)Remainder((int)a, (int)b);
                        break;
                    case PtxOp.RemU32:
                        d = (uint)a % NotZero((uint)b);
                        break;
                    case PtxOp.MinS32:
                        d = (uint)Math.Min((int)a, (int)b);
                        break;
                    case PtxOp.MinU32:
                        d = Math.Min((uint)a, (uint)b);
                        break;
                    case PtxOp.MaxS32:
                        d = (uint)Math.Max((int)a, (int)b);
                        break;
                    case PtxOp.MaxU32:
                        d = Math.Max((uint)a, (uint)b);
                        break;
                    case PtxOp.Neg32:
                        d = (uint)-(int)a;
                        break;
                    case PtxOp.Abs32:
                        d = (uint)((int)a < 0 ? -(int)a : (int)a);
                        break;
                    case PtxOp.Not32:
                        d = (uint)~a;
                        break;
                    case PtxOp.Shl32:
                        d = (uint)b >= 32 ? 0 : (uint)a << (int)b;
                        break;
                    case PtxOp.ShrU32:
                        d = (uint)b >= 32 ? 0 : (uint)a >> (int)b;
                        break;
                    case PtxOp.ShrS32:
                        d = (uint)((int)a >> (int)Math.Min((uint)b, 31));
                        break;
                    case PtxOp.Select32:
                        d = c != 0 ? a : b;
                        d = d == PtxKernel.Undefined ? d : (uint)d;
                        break;
                    case PtxOp.Clz32:
                        d = (uint)BitOperations.LeadingZeroCount((uint)a);
                        break;
                    case PtxOp.Popc32:
                        d = (uint)BitOperations.PopCount((uint)a);
                        break;
                    case PtxOp.Add64:
                        d = a + b;
                        break;
                    case PtxOp.Sub64:
                        d = a - b;
                        break;
                    case PtxOp.Mul64:
                        d = a * b;
                        break;
                    case PtxOp.Mad64:
                        d = (a * b) + c;
                        break;
                    case PtxOp.DivS64:
                        d = (ulong)Divide((long)a, (long)b);
                        break;
                    case PtxOp.DivU64:
                        d = a / NotZero(b);
                        break;
                    case PtxOp.RemS64:
                        d = (ulong)Remainder((long)a, (long)b);
                        break;
                    case PtxOp.RemU64:
                        d = a % NotZero(b);
                        break;
                    case PtxOp.MinS64:
                        d = (ulong)Math.Min((long)a, (long)b);
                        break;
                    case PtxOp.MinU64:
                        d = Math.Min(a, b);
                        break;
                    case PtxOp.MaxS64:
                        d = (ulong)Math.Max((long)a, (long)b);
                        break;
                    case PtxOp.MaxU64:
                        d = Math.Max(a, b);
                        break;
                    case PtxOp.Neg64:
                        d = (ulong)-(long)a;
                        break;
                    case PtxOp.Abs64:
                        d = (ulong)((long)a < 0 ? -(long)a : (long)a);
                        break;
                    case PtxOp.Not64:
                        d = ~a;
                        break;
                    case PtxOp.Shl64:
                        d = (uint)b >= 64 ? 0 : a << (int)b;
                        break;
                    case PtxOp.ShrU64:
                        d = (uint)b >= 64 ? 0 : a >> (int)b;
                        break;
                    case PtxOp.ShrS64:
                        d = (ulong)((long)a >> (int)Math.Min((uint)b, 63));
                        break;
                    case PtxOp.Select64:
                        d = c != 0 ? a : b;
                        break;
                    case PtxOp.Clz64:
                        d = (uint)BitOperations.LeadingZeroCount(a);
                        break;
                    case PtxOp.Popc64:
                        d = (uint)BitOperations.PopCount(a);
                        break;
                    case PtxOp.And:
                        d = a & b;
                        break;
                    case PtxOp.Or:
                        d = a | b;
                        break;
                    case PtxOp.Xor:
                        d = a ^ b;
                        break;
                    case PtxOp.NotPred:
                        d = a ^ 1;
                        break;
                    case PtxOp.Add16:
                        d = (ushort)(a + b);
                        break;
                    case PtxOp.Shl16:
                        d = (ulong)((uint)b >= 16 ? 0 : (ushort)(a << (int)b));
                        break;
                    case PtxOp.ShrU16:
                        d = (uint)b >= 16 ? 0u : (ushort)((ushort)a >> (int)b);
                        break;
                    case PtxOp.MulHiU32:
                        d = ((ulong)(uint)a * (uint)b) >> 32;
                        break;
                    case PtxOp.MulHiS32:
                        d = (uint)(((long)(int)a * (int)b) >> 32);
                        break;
                    case PtxOp.MulHiU64:
                        d = Math.BigMul(a, b, out _);
                        break;
                    case PtxOp.MulWideU32:
                        d = (ulong)(uint)a * (uint)b;
                        break;
                    case PtxOp.MulWideS32:
                        d = (ulong)((long)(int)a * (int)b);
                        break;
                    case PtxOp.MulWideU16:
                        d = (uint)(ushort)a * (ushort)b;
                        break;
                    case PtxOp.MadWideU32:
                        d = ((ulong)(uint)a * (uint)b) + c;
                        break;
                    case PtxOp.MadWideS32:
                        d = (ulong)((long)(int)a * (int)b) + c;
                        break;
                    case PtxOp.BfeU32:
                        d = ExtractBits((uint)a, (uint)b & 0xff, (uint)c & 0xff);
                        break;
                    case PtxOp.Brev32:
                        d = ReverseBits((uint)a);
                        break;
                    case PtxOp.SetEqS32:
                        d = (int)a == (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetEqS64:
                        d = (long)a == (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetNeS32:
                        d = (int)a != (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetNeS64:
                        d = (long)a != (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLtS32:
                        d = (int)a < (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLtU32:
                        d = (uint)a < (uint)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLtS64:
                        d = (long)a < (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLtU64:
                        d = a < b ? 1u : 0u;
                        break;
                    case PtxOp.SetLeS32:
                        d = (int)a <= (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLeU32:
                        d = (uint)a <= (uint)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLeS64:
                        d = (long)a <= (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLeU64:
                        d = a <= b ? 1u : 0u;
                        break;
                    case PtxOp.SetGtS32:
                        d = (int)a > (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGtU32:
                        d = (uint)a > (uint)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGtS64:
                        d = (long)a > (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGtU64:
                        d = a > b ? 1u : 0u;
                        break;
                    case PtxOp.SetGeS32:
                        d = (int)a >= (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGeU32:
                        d = (uint)a >= (uint)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGeS64:
                        d = (long)a >= (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGeU64:
                        d = a >= b ? 1u : 0u;
                        break;
                    case PtxOp.SetEqF32:
                        d = F(a) == F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetNeF32:
                        d = F(a) < F(b) || F(a) > F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetLtF32:
                        d = F(a) < F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetLeF32:
                        d = F(a) <= F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetGtF32:
                        d = F(a) > F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetGeF32:
                        d = F(a) >= F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetEquF32:
                        d = !(F(a) < F(b) || F(a) > F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNeuF32:
                        d = !(F(a) == F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetLtuF32:
                        d = !(F(a) >= F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetLeuF32:
                        d = !(F(a) > F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetGtuF32:
                        d = !(F(a) <= F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetGeuF32:
                        d = !(F(a) < F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNumF32:
                        d = IsNumber(F(a)) && IsNumber(F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNanF32:
                        d = !(IsNumber(F(a)) && IsNumber(F(b))) ? 1u : 0u;
                        break;
                    case PtxOp.AddF32:
                        d = B(F(a) + F(b));
                        break;
                    case PtxOp.SubF32:
                        d = B(F(a) - F(b));
                        break;
                    case PtxOp.MulF32:
                        d = B(F(a) * F(b));
                        break;
                    case PtxOp.FmaF32:
                        d = B(MathF.FusedMultiplyAdd(F(a), F(b), F(c)));
                        break;
                    case PtxOp.DivF32:
                        d = B(F(a) / F(b));
                        break;
                    case PtxOp.RcpF32:
                        d = B(1 / F(a));
                        break;
                    case PtxOp.SqrtF32:
                        d = B(MathF.Sqrt(F(a)));
                        break;
                    case PtxOp.MaxF32:
                        d = B(Larger(F(a), F(b)));
                        break;
                    case PtxOp.MinF32:
                        d = B(Smaller(F(a), F(b)));
                        break;
                    case PtxOp.NegF32:
                        d = a ^ 0x80000000;
                        break;
                    case PtxOp.AbsF32:
                        d = a & 0x7FFFFFFF;
                        break;
                    case PtxOp.SetEqF64:
                        d = D(a) == D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetNeF64:
                        d = D(a) < D(b) || D(a) > D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetLtF64:
                        d = D(a) < D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetLeF64:
                        d = D(a) <= D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetGtF64:
                        d = D(a) > D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetGeF64:
                        d = D(a) >= D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetEquF64:
                        d = !(D(a) < D(b) || D(a) > D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNeuF64:
                        d = !(D(a) == D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetLtuF64:
                        d = !(D(a) >= D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetLeuF64:
                        d = !(D(a) > D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetGtuF64:
                        d = !(D(a) <= D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetGeuF64:
                        d = !(D(a) < D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNumF64:
                        d = IsNumber(D(a)) && IsNumber(D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNanF64:
                        d = !(IsNumber(D(a)) && IsNumber(D(b))) ? 1u : 0u;
                        break;
                    case PtxOp.AddF64:
                        d = B(D(a) + D(b));
                        break;
                    case PtxOp.SubF64:
                        d = B(D(a) - D(b));
                        break;
                    case PtxOp.MulF64:
                        d = B(D(a) * D(b));
                        break;
                    case PtxOp.FmaF64:
                        d = B(Math.FusedMultiplyAdd(D(a), D(b), D(c)));
                        break;
                    case PtxOp.DivF64:
                        d = B(D(a) / D(b));
                        break;
                    case PtxOp.RcpF64:
                        d = B(1 / D(a));
                        break;
                    case PtxOp.SqrtF64:
                        d = B(Math.Sqrt(D(a)));
                        break;
                    case PtxOp.MaxF64:
                        d = B(Larger(D(a), D(b)));
                        break;
                    case PtxOp.MinF64:
                        d = B(Smaller(D(a), D(b)));
                        break;
                    case PtxOp.NegF64:
                        d = a ^ 0x8000000000000000;
                        break;
                    case PtxOp.AbsF64:
                        d = a & 0x7FFFFFFFFFFFFFFF;
                        break;
                    case PtxOp.Ex2Approx:
                        d = B(approximate.Exp2(F(a)));
                        break;
                    case PtxOp.Lg2Approx:
                        d = B(approximate.Log2(F(a)));
                        break;
                    case PtxOp.RcpApprox:
                        d = B(approximate.Reciprocal(F(a)));
                        break;
                    case PtxOp.SqrtApprox:
                        d = B(approximate.SquareRoot(F(a)));
                        break;
                    case PtxOp.RsqrtApprox:
                        d = B(approximate.ReciprocalSquareRoot(F(a)));
                        break;
                    case PtxOp.CvtU64U32:
                        d = (uint)a;
                        break;
                    case PtxOp.CvtS64S32:
                        d = (ulong)(int)a;
                        break;
                    case PtxOp.Cvt32From64:
                        d = (uint)a;
                        break;
                    case PtxOp.Cvt16:
                        d = (ushort)a;
                        break;
                    case PtxOp.CvtS32S16:
                        d = (uint)(short)a;
                        break;
                    case PtxOp.CvtF64F32:
                        d = B((double)F(a));
                        break;
                    case PtxOp.CvtF32F64:
                        d = B((float)D(a));
                        break;
                    case PtxOp.CvtF32F16:
                        d = B((float)BitConverter.UInt16BitsToHalf((ushort)a));
                        break;
                    case PtxOp.CvtF16F32:
                        d = BitConverter.HalfToUInt16Bits((Half)F(a));
                        break;
                    case PtxOp.PackBf16:
                        d = PtxFragments.ToBfloat(F(b)) | ((uint)PtxFragments.ToBfloat(F(a)) << 16);
                        break;
                    case PtxOp.CvtF32S32:
                        d = B((float)(int)a);
                        break;
                    case PtxOp.CvtF32U32:
                        d = B((float)(uint)a);
                        break;
                    case PtxOp.CvtF64S32:
                        d = B((double)(int)a);
                        break;
                    case PtxOp.CvtF64U32:
                        d = B((double)(uint)a);
                        break;
                    case PtxOp.CvtF64S64:
                        d = B((double)(long)a);
                        break;
                    case PtxOp.CvtF64U64:
                        d = B((double)a);
                        break;
                    case PtxOp.CvtS32F32:
                        d = (uint)Saturate32(F(a));
                        break;
                    case PtxOp.CvtU64F32:
                        d = SaturateUnsigned(F(a));
                        break;
                    case PtxOp.CvtU64F64:
                        d = SaturateUnsigned(D(a));
                        break;
                    default:
                        throw new PtxException($"{i->Op} is not implemented");
                }
                r[i->D] = d;
            }
        }
        catch (PtxException e) when (!e.Message.StartsWith(kernel.Name, StringComparison.Ordinal))
        {
            throw Fault(thread, pc - 1, e.Message.TrimEnd('.'));
        }
    }

    private static PtxException Undefined() => new("reads a register before anything is written to it");

    // Whether an instruction uses a register that holds nothing. Vector loads and splits name registers that they write; a move only passes
    // nothing on, and so does a choice (compilers leave such moves where the value does not matter later).
    private static bool UsesUndefined(PtxInstruction* i, ulong a, ulong b, ulong c) => i->Op switch
    {
        PtxOp.Load or PtxOp.Split32 or PtxOp.Split64 => a == PtxKernel.Undefined,
        PtxOp.Move32 or PtxOp.Move64 => false,
        PtxOp.Select32 or PtxOp.Select64 => c == PtxKernel.Undefined,
        _ => true,
    };

    private byte* Access(PtxInstruction* i, ulong address, bool write, int thread)
    {
        var size = i->Size * i->Count;
        if ((address & (ulong)(size - 1)) != 0)
            throw new PtxException($"{size} bytes at {address:x}, which is not aligned to {size}");
        if (i->Space == Space.Shared)
            return shared.Access(address, size, write, atomic: false, thread);
        if (i->Space == Space.Generic && address >= SharedMemory.Window)
            return shared.Access(address - SharedMemory.Window, size, write, atomic: false, thread);
        return Global(i, address, size, write, atomic: false, thread);
    }

    private byte* Global(PtxInstruction* i, ulong address, int size, bool write, bool atomic, int thread)
    {
        if (address < i->Start || address + (ulong)size > i->End)
        {
            var block = heap.Find(address, size);
            (i->Start, i->End) = (block.Start, block.End);
        }
        if (heap.TracksWrites)
            heap.Track(address, size, write, atomic, thread);
        DeviceBytes += size;
        DeviceAccesses++;
        return (byte*)address;
    }

    private ulong AtomicAccess(PtxInstruction* i, ulong address, ulong operand, int thread)
    {
        if ((address & (ulong)(i->Size - 1)) != 0)
            throw new PtxException($"an atomic operation on {i->Size} bytes at {address:x}, which is not aligned");
        var isShared = i->Space == Space.Shared || (i->Space == Space.Generic && address >= SharedMemory.Window);
        byte* p;
        SharedAtomics += isShared ? 1 : 0;
        if (isShared)
            p = shared.Access(
                i->Space == Space.Shared ? address : address - SharedMemory.Window,
                i->Size,
                write: true,
                atomic: true,
                thread);
        else
            p = Global(i, address, i->Size, write: true, atomic: true, thread);
        var old = i->Size == 8 ? *(ulong*)p : *(uint*)p;
        var next = i->Op switch
        {
            PtxOp.AtomicAddFloat => B(F(old) + F(operand)),
            PtxOp.AtomicAddInteger => old + operand,
            _ => i->Size == 8 ? Math.Min(old, operand) : Math.Min((uint)old, (uint)operand),
        };
        if (i->Size == 8)
            *(ulong*)p = next;
        else
            *(uint*)p = (uint)next;
        return old;
    }

    private static void LoadVector(PtxInstruction* i, byte* p, ulong* r)
    {
        ReadOnlySpan<int> destinations = [i->D, i->B, i->C, i->E];
        for (var k = 0; k < i->Count; k++)
            r[destinations[k]] = (i->Size, i->Signed) switch
            {
                (8, _) => ((ulong*)p)[k],
                (4, _) => ((uint*)p)[k],
                (2, true) => (uint)((short*)p)[k],
                (2, false) => ((ushort*)p)[k],
                (_, true) => (uint)((sbyte*)p)[k],
                _ => p[k],
            };
    }

    private static void StoreVector(PtxInstruction* i, byte* p, ulong* r)
    {
        ReadOnlySpan<int> sources = [i->D, i->B, i->C, i->E];
        for (var k = 0; k < i->Count; k++)
        {
            var value = r[sources[k]];
            if (value == PtxKernel.Undefined)
                throw new PtxException("stores a register before anything is written to it");
            switch (i->Size)
            {
                case 8:
                    ((ulong*)p)[k] = value;
                    break;
                case 4:
                    ((uint*)p)[k] = (uint)value;
                    break;
                case 2:
                    ((ushort*)p)[k] = (ushort)value;
                    break;
                default:
                    p[k] = (byte)value;
                    break;
            }
        }
    }

    private static float F(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    private static double D(ulong bits) => BitConverter.UInt64BitsToDouble(bits);

    private static ulong B(float value) => BitConverter.SingleToUInt32Bits(value);

    private static ulong B(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static bool IsNumber(double value) => !double.IsNaN(value);

    // max and min of the ISA: a number beats NaN.
    private static float Larger(float x, float y) => float.IsNaN(x) ? y : float.IsNaN(y) ? x : MathF.Max(x, y);

    private static double Larger(double x, double y) => double.IsNaN(x) ? y : double.IsNaN(y) ? x : Math.Max(x, y);

    private static float Smaller(float x, float y) => float.IsNaN(x) ? y : float.IsNaN(y) ? x : MathF.Min(x, y);

    private static double Smaller(double x, double y) => double.IsNaN(x) ? y : double.IsNaN(y) ? x : Math.Min(x, y);

    // A device gives some number; a kernel that asks is wrong.
    private static uint NotZero(uint x) => x != 0 ? x : throw new PtxException("divides by zero");

    private static ulong NotZero(ulong x) => x != 0 ? x : throw new PtxException("divides by zero");

    private static int Divide(int x, int y) => y == -1 ? unchecked(-x) : x / (int)NotZero((uint)y);

    private static long Divide(long x, long y) => y == -1 ? unchecked(-x) : x / (long)NotZero((ulong)y);

    private static int Remainder(int x, int y) => y == -1 ? 0 : x % (int)NotZero((uint)y);

    private static long Remainder(long x, long y) => y == -1 ? 0 : x % (long)NotZero((ulong)y);

    private static uint ExtractBits(uint x, uint position, uint length) =>
        position > 31 ? 0 : x >> (int)position & (length > 31 ? uint.MaxValue : (1u << (int)length) - 1);

    private static uint ReverseBits(uint x)
    {
        var result = 0u;
        for (var i = 0; i < 32; i++)
            result |= (x >> i & 1) << (31 - i);
        return result;
    }

    // cvt.rzi saturates, and makes 0 of NaN.
    private static int Saturate32(float x) =>
        float.IsNaN(x) ? 0 : x >= 2147483648f ? int.MaxValue : x <= -2147483648f ? int.MinValue : (int)x;

    private static ulong SaturateUnsigned(double x) =>
        double.IsNaN(x) || x <= 0 ? 0 : x >= 18446744073709551616d ? ulong.MaxValue : (ulong)x;

    private struct Lane
    {
        public ulong* Registers;
        public int Pc;
        public LaneState State;
    }
}
