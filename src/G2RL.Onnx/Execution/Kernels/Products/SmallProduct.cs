using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>
/// Products of matrices that lie in the cache. Every element of the result is one chain of fused multiply-adds in the order of the inner
/// axis, so bits depend neither on the width of vectors nor on how rows are gathered.
/// </summary>
/// <typeparam name="N">What one instruction works on.</typeparam>
internal static unsafe class SmallProduct<N> where N : unmanaged, ISimd<N>
{
    /// <summary>C = A B, or C + A B.</summary>
    /// <param name="a">A [rows, inner], element (i, p) at i aRow + p aColumn.</param>
    /// <param name="aRow">Distance of its rows.</param>
    /// <param name="aColumn">Distance of its columns.</param>
    /// <param name="b">B [inner, columns], columns side by side.</param>
    /// <param name="bRow">Distance of its rows.</param>
    /// <param name="c">C [rows, columns], columns side by side.</param>
    /// <param name="cRow">Distance of its rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">A multiple of 16.</param>
    /// <param name="inner">0 or more.</param>
    /// <param name="add">Whether the product is added to what C holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        float* a,
        nint aRow,
        nint aColumn,
        float* b,
        nint bRow,
        float* c,
        nint cRow,
        int rows,
        int columns,
        int inner,
        bool add)
    {
        var j = 0;
        for (; j + (2 * N.Count) <= columns; j += 2 * N.Count)
        {
            var i = 0;
            for (; i + 6 <= rows; i += 6)
                Six(a + (i * aRow), aRow, aColumn, b + j, bRow, c + (i * cRow) + j, cRow, inner, add);
            for (; i + 2 <= rows; i += 2)
                Two(a + (i * aRow), aRow, aColumn, b + j, bRow, c + (i * cRow) + j, cRow, inner, add);
            if (i < rows)
                One(a + (i * aRow), aColumn, b + j, bRow, c + (i * cRow) + j, inner, add);
        }
        // Left over only where a vector is all of 16.
        if (j < columns)
            for (var i = 0; i < rows; i++)
                Narrow(a + (i * aRow), aColumn, b + j, bRow, c + (i * cRow) + j, inner, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Six(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int inner, bool add)
    {
        N c00 = N.Zero, c01 = N.Zero, c10 = N.Zero, c11 = N.Zero, c20 = N.Zero, c21 = N.Zero;
        N c30 = N.Zero, c31 = N.Zero, c40 = N.Zero, c41 = N.Zero, c50 = N.Zero, c51 = N.Zero;
        var low = a + (3 * aRow);
        for (var p = 0; p < inner; p++)
        {
            var b0 = N.Load(b);
            var b1 = N.Load(b + N.Count);
            var x = N.All(a[0]);
            c00 = N.Fma(x, b0, c00);
            c01 = N.Fma(x, b1, c01);
            x = N.All(a[aRow]);
            c10 = N.Fma(x, b0, c10);
            c11 = N.Fma(x, b1, c11);
            x = N.All(a[2 * aRow]);
            c20 = N.Fma(x, b0, c20);
            c21 = N.Fma(x, b1, c21);
            x = N.All(low[0]);
            c30 = N.Fma(x, b0, c30);
            c31 = N.Fma(x, b1, c31);
            x = N.All(low[aRow]);
            c40 = N.Fma(x, b0, c40);
            c41 = N.Fma(x, b1, c41);
            x = N.All(low[2 * aRow]);
            c50 = N.Fma(x, b0, c50);
            c51 = N.Fma(x, b1, c51);
            a += aColumn;
            low += aColumn;
            b += bRow;
        }
        Put(c00, c01, c, add);
        Put(c10, c11, c + cRow, add);
        Put(c20, c21, c + (2 * cRow), add);
        Put(c30, c31, c + (3 * cRow), add);
        Put(c40, c41, c + (4 * cRow), add);
        Put(c50, c51, c + (5 * cRow), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two(float* a, nint aRow, nint aColumn, float* b, nint bRow, float* c, nint cRow, int inner, bool add)
    {
        N c00 = N.Zero, c01 = N.Zero, c10 = N.Zero, c11 = N.Zero;
        for (var p = 0; p < inner; p++)
        {
            var b0 = N.Load(b);
            var b1 = N.Load(b + N.Count);
            var x = N.All(a[0]);
            c00 = N.Fma(x, b0, c00);
            c01 = N.Fma(x, b1, c01);
            x = N.All(a[aRow]);
            c10 = N.Fma(x, b0, c10);
            c11 = N.Fma(x, b1, c11);
            a += aColumn;
            b += bRow;
        }
        Put(c00, c01, c, add);
        Put(c10, c11, c + cRow, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(float* a, nint aColumn, float* b, nint bRow, float* c, int inner, bool add)
    {
        N c0 = N.Zero, c1 = N.Zero;
        for (var p = 0; p < inner; p++)
        {
            var x = N.All(*a);
            c0 = N.Fma(x, N.Load(b), c0);
            c1 = N.Fma(x, N.Load(b + N.Count), c1);
            a += aColumn;
            b += bRow;
        }
        Put(c0, c1, c, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(float* a, nint aColumn, float* b, nint bRow, float* c, int inner, bool add)
    {
        var sum = N.Zero;
        for (var p = 0; p < inner; p++)
        {
            sum = N.Fma(N.All(*a), N.Load(b), sum);
            a += aColumn;
            b += bRow;
        }
        (add ? N.Load(c) + sum : sum).Store(c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(N first, N second, float* c, bool add)
    {
        if (add)
        {
            first = N.Load(c) + first;
            second = N.Load(c + N.Count) + second;
        }
        first.Store(c);
        second.Store(c + N.Count);
    }
}
