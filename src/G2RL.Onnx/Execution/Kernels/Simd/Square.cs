using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace G2RL.Onnx.Execution.Kernels.Simd;

/// <summary>Four rows of four numbers, or sixteen of sixteen.</summary>
internal static unsafe class Square
{
    /// <summary>Rows of the larger one.</summary>
    public const int Side = 16;

    /// <summary>Rows of any matrix become columns. What becomes a row is written as a whole before the next.</summary>
    /// <param name="from">The first row.</param>
    /// <param name="line">Distance of rows.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Numbers of a row.</param>
    /// <param name="to">Receives the first column.</param>
    /// <param name="place">Distance of columns.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Turn(float* from, nint line, int rows, int columns, float* to, nint place)
    {
        var column = 0;
        for (; column + Side <= columns; column += Side)
        {
            var row = 0;
            for (; row + Side <= rows; row += Side)
                Turn(from + (row * line) + column, line, to + (column * place) + row, place);
            for (; row + 4 <= rows; row += 4)
                for (var i = column; i < column + Side; i += 4)
                    TurnFour(from + (row * line) + i, line, to + (i * place) + row, place);
            for (; row < rows; row++)
                for (var i = column; i < column + Side; i++)
                    to[(i * place) + row] = from[(row * line) + i];
        }
        for (; column + 4 <= columns; column += 4)
        {
            var row = 0;
            for (; row + 4 <= rows; row += 4)
                TurnFour(from + (row * line) + column, line, to + (column * place) + row, place);
            for (; row < rows; row++)
                for (var i = column; i < column + 4; i++)
                    to[(i * place) + row] = from[(row * line) + i];
        }
        for (; column < columns; column++)
            for (var row = 0; row < rows; row++)
                to[(column * place) + row] = from[(row * line) + column];
    }

    /// <summary>Sixteen rows of sixteen numbers become columns.</summary>
    /// <param name="from">The first row.</param>
    /// <param name="line">Distance of rows.</param>
    /// <param name="to">Receives the first column.</param>
    /// <param name="place">Distance of columns.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Turn(float* from, nint line, float* to, nint place)
    {
        if (!Avx512F.IsSupported)
        {
            for (var row = 0; row < Side; row += 4)
                for (var column = 0; column < Side; column += 4)
                    TurnFour(from + (row * line) + column, line, to + (column * place) + row, place);
            return;
        }
        // Of four rows each: a column of every fourth of a vector.
        var (a0, a1, a2, a3) = Fours(from, line);
        var (b0, b1, b2, b3) = Fours(from + (4 * line), line);
        var (c0, c1, c2, c3) = Fours(from + (8 * line), line);
        var (d0, d1, d2, d3) = Fours(from + (12 * line), line);
        Put(a0, b0, c0, d0, to, place);
        Put(a1, b1, c1, d1, to + place, place);
        Put(a2, b2, c2, d2, to + (2 * place), place);
        Put(a3, b3, c3, d3, to + (3 * place), place);
    }

    /// <summary>Four rows of four numbers in memory become columns.</summary>
    /// <param name="from">The first row.</param>
    /// <param name="line">Distance of rows.</param>
    /// <param name="to">Receives the first column.</param>
    /// <param name="place">Distance of columns.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void TurnFour(float* from, nint line, float* to, nint place)
    {
        var (a, b, c, d) = Turned(
            Vector128.Load(from),
            Vector128.Load(from + line),
            Vector128.Load(from + (2 * line)),
            Vector128.Load(from + (3 * line)));
        a.Store(to);
        b.Store(to + place);
        c.Store(to + (2 * place));
        d.Store(to + (3 * place));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> A, Vector512<float> B, Vector512<float> C, Vector512<float> D) Fours(float* from, nint line)
    {
        var (a, b) = (Vector512.Load(from), Vector512.Load(from + line));
        var (c, d) = (Vector512.Load(from + (2 * line)), Vector512.Load(from + (3 * line)));
        var (lowAb, highAb) = (Avx512F.UnpackLow(a, b).AsDouble(), Avx512F.UnpackHigh(a, b).AsDouble());
        var (lowCd, highCd) = (Avx512F.UnpackLow(c, d).AsDouble(), Avx512F.UnpackHigh(c, d).AsDouble());
        return (
            Avx512F.UnpackLow(lowAb, lowCd).AsSingle(),
            Avx512F.UnpackHigh(lowAb, lowCd).AsSingle(),
            Avx512F.UnpackLow(highAb, highCd).AsSingle(),
            Avx512F.UnpackHigh(highAb, highCd).AsSingle());
    }

    // Fourths of four vectors: the first ones are a column, the second ones the fourth column from there, and so on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* to, nint place)
    {
        const byte even = 0b10_00_10_00, odd = 0b11_01_11_01;
        var (ab, cd) = (Avx512F.Shuffle4x128(a, b, even), Avx512F.Shuffle4x128(c, d, even));
        Avx512F.Shuffle4x128(ab, cd, even).Store(to);
        Avx512F.Shuffle4x128(ab, cd, odd).Store(to + (8 * place));
        (ab, cd) = (Avx512F.Shuffle4x128(a, b, odd), Avx512F.Shuffle4x128(c, d, odd));
        Avx512F.Shuffle4x128(ab, cd, even).Store(to + (4 * place));
        Avx512F.Shuffle4x128(ab, cd, odd).Store(to + (12 * place));
    }

    /// <summary>Rows become columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> A, Vector128<float> B, Vector128<float> C, Vector128<float> D) Turned(
        Vector128<float> a,
        Vector128<float> b,
        Vector128<float> c,
        Vector128<float> d)
    {
        if (!Sse.IsSupported)
            return (
                Vector128.Create(a[0], b[0], c[0], d[0]),
                Vector128.Create(a[1], b[1], c[1], d[1]),
                Vector128.Create(a[2], b[2], c[2], d[2]),
                Vector128.Create(a[3], b[3], c[3], d[3]));
        var (lowAb, lowCd) = (Sse.UnpackLow(a, b), Sse.UnpackLow(c, d));
        var (highAb, highCd) = (Sse.UnpackHigh(a, b), Sse.UnpackHigh(c, d));
        return (
            Sse.MoveLowToHigh(lowAb, lowCd),
            Sse.MoveHighToLow(lowCd, lowAb),
            Sse.MoveLowToHigh(highAb, highCd),
            Sse.MoveHighToLow(highCd, highAb));
    }
}
