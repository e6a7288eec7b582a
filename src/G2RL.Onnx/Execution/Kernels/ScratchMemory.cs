using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>
/// Memory for the time of a call, kept for the next one: as many blocks as kernels are at work at once, each as large as the largest that
/// was asked for. Not cleared.
/// </summary>
internal static unsafe class ScratchMemory
{
    private const int Slots = 64;
    private const int Alignment = 64;

    // Address of a block that nobody uses; its size lies in its first bytes.
    private static readonly nint[] Free = new nint[Slots];

    /// <summary>Takes a block of at least so many float32 numbers, 64-byte aligned.</summary>
    public static float* Rent(long floats)
    {
        var bytes = checked((nuint)floats * sizeof(float)) + Alignment;
        for (var i = 0; i < Slots; i++)
        {
            var block = Interlocked.Exchange(ref Free[i], 0);
            if (block == 0)
                continue;
            if (*(nuint*)block >= bytes)
                return (float*)(block + Alignment);
            // A larger one takes its place when it comes back.
            NativeMemory.AlignedFree((void*)block);
            break;
        }
        var made = (nuint*)NativeMemory.AlignedAlloc(bytes, Alignment);
        *made = bytes;
        return (float*)((nint)made + Alignment);
    }

    /// <summary>Gives a block back.</summary>
    public static void Return(float* numbers)
    {
        var block = (nint)numbers - Alignment;
        for (var i = 0; i < Slots; i++)
            if (Interlocked.CompareExchange(ref Free[i], block, 0) == 0)
                return;
        NativeMemory.AlignedFree((void*)block);
    }
}
