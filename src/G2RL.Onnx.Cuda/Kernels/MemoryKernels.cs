using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>memory.ptx: casts, shared caches, the search for what is not finite.</summary>
internal sealed class MemoryKernels(KernelCache kernels)
{
    private const string Module = "memory";

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

    private void Cast(string pair, nint source, nint destination, long count)
    {
        var threads = LaunchShape.ThreadsFor(count / AtOnce);
        kernels.Launch(
            Module, "cast_" + pair, (LaunchShape.Blocks(count, threads, AtOnce), 1, 1), threads, source, destination, count);
    }
}
