using G2RL.Onnx.Execution.Memory;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>
/// Memory for the time of a call, beside the tensors of sessions. Where those come from arenas of their own, blocks are kept for the next
/// call: as many as kernels are at work at once, each as large as the largest that was asked for. Not cleared.
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
        var bytes = checked((floats * sizeof(float)) + Alignment);
        for (var i = 0; i < Slots && !TensorMemory.IsUsed; i++)
        {
            var block = Interlocked.Exchange(ref Free[i], 0);
            if (block == 0)
                continue;
            if (*(long*)block >= bytes)
                return (float*)(block + Alignment);
            // A larger one takes its place when it comes back.
            TensorMemory.Give((void*)block);
            break;
        }
        var made = (long*)TensorMemory.Take(bytes);
        if (made is null)
            throw new InputException(
                $"An operator asks for {bytes >> 20} MiB, which the system does not give. Lower training.tokensPerMicrobatch.");
        *made = bytes;
        return (float*)((nint)made + Alignment);
    }

    /// <summary>Gives a block back.</summary>
    public static void Return(float* numbers)
    {
        var block = (nint)numbers - Alignment;
        for (var i = 0; i < Slots && !TensorMemory.IsUsed; i++)
            if (Interlocked.CompareExchange(ref Free[i], block, 0) == 0)
                return;
        TensorMemory.Give((void*)block);
    }
}
