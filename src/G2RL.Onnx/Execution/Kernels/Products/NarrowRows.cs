using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>
/// Rows of a weight in bfloat16, made wide where a product reads them: memory gives half of the bytes, and float32 exists of one tile
/// alone, in the nearest cache.
/// </summary>
/// <typeparam name="T">Sixteen numbers.</typeparam>
internal static unsafe class NarrowRows<T> where T : unmanaged, ISimd<T>
{
    /// <summary>A piece of some rows: bfloat16 is the upper half of float32, so this is exact.</summary>
    /// <param name="from">The first row's piece; as many rows behind them come nearer meanwhile.</param>
    /// <param name="line">Distance of rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="count">Numbers of a row's piece, a multiple of 16.</param>
    /// <param name="to">Receives [rows, count].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(ushort* from, nint line, int rows, int count, float* to)
    {
        var ahead = rows * line;
        for (var row = 0; row < rows; row++, from += line, to += count)
            for (var k = 0; k < count; k += T.Count)
            {
                // A line of memory holds two of these.
                if (Sse.IsSupported && k % (2 * T.Count) == 0)
                    Sse.Prefetch0(from + ahead + k);
                T.Widen(from + k).Store(to + k);
            }
    }
}
