using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>Sizes of grids and blocks.</summary>
internal static class LaunchShape
{
    /// <summary>Threads of a block where the bits depend on it.</summary>
    public const int Threads = 256;

    private const int Warp = 32;
    private const int MostBlocks = 1 << 16;

    /// <summary>Whole warps, as many as find work among <paramref name="items"/>.</summary>
    public static int ThreadsFor(long items) => (int)Math.Clamp((items + Warp - 1) / Warp * Warp, Warp, Threads);

    /// <summary>
    /// Blocks whose threads each take <paramref name="each"/> of <paramref name="items"/> before any takes a second turn, within a bound
    /// that fills every device.
    /// </summary>
    public static int Blocks(long items, int threads, int each = 1) =>
        (int)Math.Min((items + ((long)threads * each) - 1) / ((long)threads * each), MostBlocks);

    /// <summary>Suffix of an entry.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No kernel reads this type.</exception>
    public static string Suffix(ElementType type) => type switch
    {
        ElementType.Float32 => "f32",
        ElementType.Float16 => "f16",
        ElementType.BFloat16 => "bf16",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Kernels read float32, float16 and bfloat16."),
    };
}
