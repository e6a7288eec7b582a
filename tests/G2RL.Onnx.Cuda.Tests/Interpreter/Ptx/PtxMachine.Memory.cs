namespace G2RL.Onnx.Cuda.Tests.Interpreter;

// Loads, stores and atomic operations, each checked against the blocks of memory.
internal sealed unsafe partial class PtxMachine
{
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
}
