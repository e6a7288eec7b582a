using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>memory.ptx: casts, shared caches, the search for what is not finite.</summary>
internal sealed class MemoryKernels(KernelCache kernels)
{
    private const string Module = "memory";

    // Blocks of a grid's second axis, at most.
    private const int MostHeads = 65_535;

    // Elements that a thread casts at a time.
    private const int AtOnce = 8;

    /// <summary>Float32 to a narrower type, to nearest.</summary>
    public void Narrow(nint source, nint destination, ElementType type, long count) =>
        Cast("f32_to_" + LaunchShape.Suffix(type), source, destination, count);

    /// <summary>A narrower type to float32.</summary>
    public void Widen(nint source, ElementType type, nint destination, long count) =>
        Cast(LaunchShape.Suffix(type) + "_to_f32", source, destination, count);

    /// <summary>Copies the first bytes of each head of one row to others, in every buffer of a cache.</summary>
    /// <param name="buffers">Device table of addresses.</param>
    /// <param name="bufferCount">Buffers.</param>
    /// <param name="from">The row.</param>
    /// <param name="rows">int32 [count] on the device.</param>
    /// <param name="count">Rows to be written.</param>
    /// <param name="heads">Heads of a row.</param>
    /// <param name="headBytes">Bytes of a head.</param>
    /// <param name="copyBytes">Bytes of each head that are copied.</param>
    public void ShareCache(nint buffers, int bufferCount, int from, nint rows, int count, int heads, long headBytes, long copyBytes)
    {
        var threads = LaunchShape.ThreadsFor(copyBytes / 16);
        kernels.Launch(Module, "kv_share", (Math.Max(1, LaunchShape.Blocks(copyBytes / 16, threads)), heads, bufferCount), threads, buffers,
            from, rows, count, heads * headBytes, headBytes, copyBytes);
    }

    /// <summary>Copies the first bytes of each head of a buffer's rows to a buffer whose rows have another length.</summary>
    /// <param name="from">The buffer.</param>
    /// <param name="to">The other, which does not overlap it.</param>
    /// <param name="heads">Heads of all rows.</param>
    /// <param name="fromBytes">Bytes of a head in the one.</param>
    /// <param name="toBytes">And in the other.</param>
    /// <param name="copyBytes">Bytes of each head that are copied.</param>
    public void RelayCache(nint from, nint to, int heads, long fromBytes, long toBytes, long copyBytes)
    {
        var threads = LaunchShape.ThreadsFor(copyBytes / 16);
        var grid = (Math.Max(1, LaunchShape.Blocks(copyBytes / 16, threads)), Math.Clamp(heads, 1, MostHeads), 1);
        kernels.Launch(Module, "kv_relay", grid, threads, from, to, heads, fromBytes, toBytes, copyBytes);
    }

    private void Cast(string pair, nint source, nint destination, long count)
    {
        var threads = LaunchShape.ThreadsFor(count / AtOnce);
        kernels.Launch(
            Module, "cast_" + pair, (LaunchShape.Blocks(count, threads, AtOnce), 1, 1), threads, source, destination, count);
    }
}
