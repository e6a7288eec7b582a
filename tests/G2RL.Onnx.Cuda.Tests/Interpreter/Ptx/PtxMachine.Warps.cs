using System.Numerics;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

// Threads of a warp beside each other: where they wait, what they exchange, products of fragments.
internal sealed unsafe partial class PtxMachine
{
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
        if (i->Op is PtxOp.MultiplyTiles or PtxOp.LoadMatrices or PtxOp.LoadTransposed)
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
        Products += i->Op == PtxOp.MultiplyTiles ? 1 : 0;
        var results = i->Op == PtxOp.MultiplyTiles
            ? PtxFragments.Multiply(given, approximate)
            : PtxFragments.Matrices(given, i->Op == PtxOp.LoadTransposed, (lane, address) =>
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
}
