using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>Operands laid out as the innermost loop reads them.</summary>
internal static unsafe class Panels
{
    /// <summary>Columns of a panel.</summary>
    public const int Columns = 32;

    /// <summary>Rows of a strip.</summary>
    public const int Rows = 6;

    /// <summary>Columns of B side by side: [inner, 32], zeros beyond the last.</summary>
    /// <param name="b">The first element.</param>
    /// <param name="distance">Distance of rows.</param>
    /// <param name="inner">Rows.</param>
    /// <param name="columns">1 to 32.</param>
    /// <param name="panel">Receives them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Straight(float* b, nint distance, int inner, int columns, float* panel)
    {
        if (columns == Columns)
        {
            for (var p = 0; p < inner; p++)
            {
                for (var j = 0; j < Columns; j += Vector128<float>.Count)
                    Vector128.Load(b + j).Store(panel + j);
                b += distance;
                panel += Columns;
            }
            return;
        }
        for (var p = 0; p < inner; p++)
        {
            for (var j = 0; j < columns; j++)
                panel[j] = b[j];
            for (var j = columns; j < Columns; j++)
                panel[j] = 0;
            b += distance;
            panel += Columns;
        }
    }

    /// <summary>The same of a B that lies the other way: [columns, inner].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Turned(float* b, nint distance, int inner, int columns, float* panel)
    {
        var (wholeColumns, wholeInner) = (columns & ~3, inner & ~3);
        for (var j = 0; j < wholeColumns; j += 4)
        {
            var row = b + (j * distance);
            for (var p = 0; p < wholeInner; p += 4)
                Turn(row + p, distance, panel + ((nint)p * Columns) + j);
            for (var p = wholeInner; p < inner; p++)
                for (var r = 0; r < 4; r++)
                    panel[((nint)p * Columns) + j + r] = row[(r * distance) + p];
        }
        for (var j = wholeColumns; j < Columns; j++)
            for (var p = 0; p < inner; p++)
                panel[((nint)p * Columns) + j] = j < columns ? b[(j * distance) + p] : 0;
    }

    /// <summary>Rows of an A that lies the other way, in strips of 6: [strip, inner, 6]; the last strip has what is left.</summary>
    /// <param name="a">The first element of [inner, rows].</param>
    /// <param name="distance">Distance of its rows.</param>
    /// <param name="inner">Its rows.</param>
    /// <param name="rows">Its columns.</param>
    /// <param name="strips">Receives them; one element more is written than they have.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Strips(float* a, nint distance, int inner, int rows, float* strips)
    {
        var i = 0;
        for (; i + Rows + 2 <= rows; i += Rows)
        {
            var source = a + i;
            for (var p = 0; p < inner; p++)
            {
                // Two elements more than a strip holds; the next ones overwrite them.
                Vector256.Load(source).Store(strips);
                source += distance;
                strips += Rows;
            }
        }
        for (; i < rows; i += Rows)
        {
            var source = a + i;
            var count = Math.Min(Rows, rows - i);
            for (var p = 0; p < inner; p++)
            {
                for (var r = 0; r < count; r++)
                    strips[r] = source[r];
                source += distance;
                strips += Rows;
            }
        }
    }

    // Four rows of four to four columns of four.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(float* from, nint distance, float* to)
    {
        var a = Vector128.Load(from);
        var b = Vector128.Load(from + distance);
        var c = Vector128.Load(from + (2 * distance));
        var d = Vector128.Load(from + (3 * distance));
        if (Sse.IsSupported)
        {
            Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d), high = Sse.UnpackHigh(a, b), low = Sse.UnpackHigh(c, d);
            Sse.MoveLowToHigh(ab, cd).Store(to);
            Sse.MoveHighToLow(cd, ab).Store(to + Columns);
            Sse.MoveLowToHigh(high, low).Store(to + (2 * Columns));
            Sse.MoveHighToLow(low, high).Store(to + (3 * Columns));
        }
        else if (AdvSimd.Arm64.IsSupported)
        {
            // Pairs of rows, then pairs of pairs.
            var (ac, acHigh) = (AdvSimd.Arm64.ZipLow(a, c), AdvSimd.Arm64.ZipHigh(a, c));
            var (bd, bdHigh) = (AdvSimd.Arm64.ZipLow(b, d), AdvSimd.Arm64.ZipHigh(b, d));
            AdvSimd.Arm64.ZipLow(ac, bd).Store(to);
            AdvSimd.Arm64.ZipHigh(ac, bd).Store(to + Columns);
            AdvSimd.Arm64.ZipLow(acHigh, bdHigh).Store(to + (2 * Columns));
            AdvSimd.Arm64.ZipHigh(acHigh, bdHigh).Store(to + (3 * Columns));
        }
        else
            for (var i = 0; i < 4; i++)
                Vector128.Create(a[i], b[i], c[i], d[i]).Store(to + (i * Columns));
    }
}
