using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>
/// Inner products of a few rows with four rows of a weight, both as they lie. Every one is summed in sixteen lanes along a piece of the
/// inner axis and then in one tree, pieces in order, whatever else the tile holds: a row's numbers do not depend on the rows beside it.
/// What is over behind the last whole vector is added one by one, before.
/// </summary>
/// <typeparam name="T">Sixteen numbers.</typeparam>
internal static unsafe class RowTiles<T> where T : unmanaged, ISimd<T>
{
    /// <summary>Rows of the weight in a tile: columns of the product.</summary>
    public const int Columns = 4;

    /// <summary>Most rows of a tile.</summary>
    public const int MostRows = 6;

    /// <summary>The longest piece.</summary>
    public const int MostPiece = 640;

    /// <summary>Rows of the next tile where so many are left: 24 sums, four rows of the weight and one of x fill the registers.</summary>
    public static int Height(int left) => left >= 9 || left is 6 or 7 ? 6 : left >= 4 ? 4 : left;

    /// <summary>
    /// Numbers of the inner axis that are summed before the sum is added to the result: so many of a few rows lie in the nearest cache.
    /// Pieces of one axis are about as long as one another.
    /// </summary>
    /// <param name="whole">The axis, a multiple of 16.</param>
    public static int Piece(int whole)
    {
        var pieces = Math.Max(1, (whole + MostPiece - 1) / MostPiece);
        return ((whole / T.Count) + pieces - 1) / pieces * T.Count;
    }

    /// <summary>All of the inner axis: rows x [rows, depth] with w [4, depth] -> y [rows, 4], what is over first.</summary>
    /// <param name="x">The first row.</param>
    /// <param name="rows">Rows, as <see cref="Height"/> says.</param>
    /// <param name="w">The first of four rows.</param>
    /// <param name="depth">Numbers of a row.</param>
    /// <param name="y">Receives the products, or has them added.</param>
    /// <param name="distance">Distance of its rows.</param>
    /// <param name="add">Whether they are added.</param>
    /// <param name="ahead">Distance in numbers from w to four rows that are to come nearer meanwhile; 0 for none.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Whole(float* x, int rows, float* w, int depth, float* y, nint distance, bool add, nint ahead)
    {
        var whole = depth / T.Count * T.Count;
        if (whole < depth)
            Rest(x, rows, w, Columns, depth, y, distance, ref add);
        var piece = Piece(whole);
        for (var k = 0; k < whole; k += piece, add = true)
            Run(x + k, depth, rows, w + k, depth, Math.Min(piece, whole - k), y, distance, add, ahead);
    }

    /// <summary>A piece of the inner axis.</summary>
    /// <param name="x">The first row's piece.</param>
    /// <param name="step">Distance of its rows.</param>
    /// <param name="rows">Rows, as <see cref="Height"/> says.</param>
    /// <param name="w">The piece of the first of four rows.</param>
    /// <param name="line">Distance of the weight's rows.</param>
    /// <param name="count">Numbers of the piece, a multiple of 16.</param>
    /// <param name="y">Receives the products, or has them added.</param>
    /// <param name="distance">Distance of its rows.</param>
    /// <param name="add">Whether they are added.</param>
    /// <param name="ahead">Distance in numbers from w to what is to come nearer meanwhile; 0 for none.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        float* x,
        nint step,
        int rows,
        float* w,
        nint line,
        int count,
        float* y,
        nint distance,
        bool add,
        nint ahead)
    {
        // These call nothing, so that sums stay in registers.
        switch (rows)
        {
            case 6:
                Six(x, step, w, line, count, y, distance, add, ahead);
                break;
            case 4:
                Four(x, step, w, line, count, y, distance, add, ahead);
                break;
            case 3:
                Three(x, step, w, line, count, y, distance, add, ahead);
                break;
            case 2:
                Two(x, step, w, line, count, y, distance, add, ahead);
                break;
            default:
                One(x, w, line, count, y, add, ahead);
                break;
        }
    }

    /// <summary>The same one product at a time: what is over where the columns are no multiple of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Single(float* x, int rows, float* w, int depth, float* y, nint distance, bool add)
    {
        int whole = depth / T.Count * T.Count, piece = Piece(whole);
        for (var r = 0; r < rows; r++)
        {
            var (value, adds) = (add ? *y : 0, add);
            if (whole < depth)
                (value, adds) = (Rest(x, w, depth, value), true);
            for (var first = 0; first < whole; first += piece, adds = true)
            {
                var (sum, end) = (T.Zero, Math.Min(whole, first + piece));
                for (var k = first; k < end; k += T.Count)
                    sum = T.Fma(T.Load(w + k), T.Load(x + k), sum);
                value = adds ? value + sum.Sum() : sum.Sum();
            }
            *y = value;
            x += depth;
            y += distance;
        }
    }

    /// <summary>What lies behind the last whole vector, one by one: it comes before everything else.</summary>
    /// <param name="x">The first row [rows, depth].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="w">The first row of the weight [columns, depth].</param>
    /// <param name="columns">Rows of the weight.</param>
    /// <param name="depth">Numbers of a row.</param>
    /// <param name="y">Receives the products, or has them added.</param>
    /// <param name="distance">Distance of its rows.</param>
    /// <param name="add">Whether they are added; from then on what follows is.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rest(float* x, int rows, float* w, int columns, int depth, float* y, nint distance, ref bool add)
    {
        for (var r = 0; r < rows; r++)
            for (var column = 0; column < columns; column++)
            {
                var to = y + (r * distance) + column;
                *to = Rest(x + (r * (nint)depth), w + (column * (nint)depth), depth, add ? *to : 0);
            }
        add = true;
    }

    private static float Rest(float* x, float* w, int depth, float sum)
    {
        for (var k = depth / T.Count * T.Count; k < depth; k++)
            sum = MathF.FusedMultiplyAdd(w[k], x[k], sum);
        return sum;
    }

    // A line of each of four rows. The hint for nothing is one for what is there anyway.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nearer(float* w, nint line, nint ahead)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch1(w + ahead);
        Sse.Prefetch1(w + ahead + line);
        Sse.Prefetch1(w + ahead + (2 * line));
        Sse.Prefetch1(w + ahead + (3 * line));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(float* x, float* w, nint line, int count, float* y, bool add, nint ahead)
    {
        T a = T.Zero, b = T.Zero, c = T.Zero, d = T.Zero;
        for (nint k = 0; k < count; k += T.Count)
        {
            Nearer(w + k, line, ahead);
            var v = T.Load(x + k);
            a = T.Fma(T.Load(w + k), v, a);
            b = T.Fma(T.Load(w + line + k), v, b);
            c = T.Fma(T.Load(w + (2 * line) + k), v, c);
            d = T.Fma(T.Load(w + (3 * line) + k), v, d);
        }
        T.Sums(a, b, c, d, y, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Six(float* x, nint step, float* w, nint line, int count, float* y, nint distance, bool add, nint ahead)
    {
        T a0 = T.Zero, a1 = T.Zero, a2 = T.Zero, a3 = T.Zero;
        T b0 = T.Zero, b1 = T.Zero, b2 = T.Zero, b3 = T.Zero;
        T c0 = T.Zero, c1 = T.Zero, c2 = T.Zero, c3 = T.Zero;
        T d0 = T.Zero, d1 = T.Zero, d2 = T.Zero, d3 = T.Zero;
        T e0 = T.Zero, e1 = T.Zero, e2 = T.Zero, e3 = T.Zero;
        T f0 = T.Zero, f1 = T.Zero, f2 = T.Zero, f3 = T.Zero;
        for (nint k = 0; k < count; k += T.Count)
        {
            Nearer(w + k, line, ahead);
            T w0 = T.Load(w + k), w1 = T.Load(w + line + k);
            T w2 = T.Load(w + (2 * line) + k), w3 = T.Load(w + (3 * line) + k);
            var v = T.Load(x + k);
            (a0, a1, a2, a3) = (T.Fma(w0, v, a0), T.Fma(w1, v, a1), T.Fma(w2, v, a2), T.Fma(w3, v, a3));
            v = T.Load(x + step + k);
            (b0, b1, b2, b3) = (T.Fma(w0, v, b0), T.Fma(w1, v, b1), T.Fma(w2, v, b2), T.Fma(w3, v, b3));
            v = T.Load(x + (2 * step) + k);
            (c0, c1, c2, c3) = (T.Fma(w0, v, c0), T.Fma(w1, v, c1), T.Fma(w2, v, c2), T.Fma(w3, v, c3));
            v = T.Load(x + (3 * step) + k);
            (d0, d1, d2, d3) = (T.Fma(w0, v, d0), T.Fma(w1, v, d1), T.Fma(w2, v, d2), T.Fma(w3, v, d3));
            v = T.Load(x + (4 * step) + k);
            (e0, e1, e2, e3) = (T.Fma(w0, v, e0), T.Fma(w1, v, e1), T.Fma(w2, v, e2), T.Fma(w3, v, e3));
            v = T.Load(x + (5 * step) + k);
            (f0, f1, f2, f3) = (T.Fma(w0, v, f0), T.Fma(w1, v, f1), T.Fma(w2, v, f2), T.Fma(w3, v, f3));
        }
        T.Sums(a0, a1, a2, a3, y, add);
        T.Sums(b0, b1, b2, b3, y + distance, add);
        T.Sums(c0, c1, c2, c3, y + (2 * distance), add);
        T.Sums(d0, d1, d2, d3, y + (3 * distance), add);
        T.Sums(e0, e1, e2, e3, y + (4 * distance), add);
        T.Sums(f0, f1, f2, f3, y + (5 * distance), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four(float* x, nint step, float* w, nint line, int count, float* y, nint distance, bool add, nint ahead)
    {
        T a0 = T.Zero, a1 = T.Zero, a2 = T.Zero, a3 = T.Zero;
        T b0 = T.Zero, b1 = T.Zero, b2 = T.Zero, b3 = T.Zero;
        T c0 = T.Zero, c1 = T.Zero, c2 = T.Zero, c3 = T.Zero;
        T d0 = T.Zero, d1 = T.Zero, d2 = T.Zero, d3 = T.Zero;
        for (nint k = 0; k < count; k += T.Count)
        {
            Nearer(w + k, line, ahead);
            T w0 = T.Load(w + k), w1 = T.Load(w + line + k);
            T w2 = T.Load(w + (2 * line) + k), w3 = T.Load(w + (3 * line) + k);
            var v = T.Load(x + k);
            (a0, a1, a2, a3) = (T.Fma(w0, v, a0), T.Fma(w1, v, a1), T.Fma(w2, v, a2), T.Fma(w3, v, a3));
            v = T.Load(x + step + k);
            (b0, b1, b2, b3) = (T.Fma(w0, v, b0), T.Fma(w1, v, b1), T.Fma(w2, v, b2), T.Fma(w3, v, b3));
            v = T.Load(x + (2 * step) + k);
            (c0, c1, c2, c3) = (T.Fma(w0, v, c0), T.Fma(w1, v, c1), T.Fma(w2, v, c2), T.Fma(w3, v, c3));
            v = T.Load(x + (3 * step) + k);
            (d0, d1, d2, d3) = (T.Fma(w0, v, d0), T.Fma(w1, v, d1), T.Fma(w2, v, d2), T.Fma(w3, v, d3));
        }
        T.Sums(a0, a1, a2, a3, y, add);
        T.Sums(b0, b1, b2, b3, y + distance, add);
        T.Sums(c0, c1, c2, c3, y + (2 * distance), add);
        T.Sums(d0, d1, d2, d3, y + (3 * distance), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Three(float* x, nint step, float* w, nint line, int count, float* y, nint distance, bool add, nint ahead)
    {
        T a0 = T.Zero, a1 = T.Zero, a2 = T.Zero, a3 = T.Zero;
        T b0 = T.Zero, b1 = T.Zero, b2 = T.Zero, b3 = T.Zero;
        T c0 = T.Zero, c1 = T.Zero, c2 = T.Zero, c3 = T.Zero;
        for (nint k = 0; k < count; k += T.Count)
        {
            Nearer(w + k, line, ahead);
            T w0 = T.Load(w + k), w1 = T.Load(w + line + k);
            T w2 = T.Load(w + (2 * line) + k), w3 = T.Load(w + (3 * line) + k);
            var v = T.Load(x + k);
            (a0, a1, a2, a3) = (T.Fma(w0, v, a0), T.Fma(w1, v, a1), T.Fma(w2, v, a2), T.Fma(w3, v, a3));
            v = T.Load(x + step + k);
            (b0, b1, b2, b3) = (T.Fma(w0, v, b0), T.Fma(w1, v, b1), T.Fma(w2, v, b2), T.Fma(w3, v, b3));
            v = T.Load(x + (2 * step) + k);
            (c0, c1, c2, c3) = (T.Fma(w0, v, c0), T.Fma(w1, v, c1), T.Fma(w2, v, c2), T.Fma(w3, v, c3));
        }
        T.Sums(a0, a1, a2, a3, y, add);
        T.Sums(b0, b1, b2, b3, y + distance, add);
        T.Sums(c0, c1, c2, c3, y + (2 * distance), add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two(float* x, nint step, float* w, nint line, int count, float* y, nint distance, bool add, nint ahead)
    {
        T a0 = T.Zero, a1 = T.Zero, a2 = T.Zero, a3 = T.Zero;
        T b0 = T.Zero, b1 = T.Zero, b2 = T.Zero, b3 = T.Zero;
        for (nint k = 0; k < count; k += T.Count)
        {
            Nearer(w + k, line, ahead);
            T w0 = T.Load(w + k), w1 = T.Load(w + line + k);
            T w2 = T.Load(w + (2 * line) + k), w3 = T.Load(w + (3 * line) + k);
            var v = T.Load(x + k);
            (a0, a1, a2, a3) = (T.Fma(w0, v, a0), T.Fma(w1, v, a1), T.Fma(w2, v, a2), T.Fma(w3, v, a3));
            v = T.Load(x + step + k);
            (b0, b1, b2, b3) = (T.Fma(w0, v, b0), T.Fma(w1, v, b1), T.Fma(w2, v, b2), T.Fma(w3, v, b3));
        }
        T.Sums(a0, a1, a2, a3, y, add);
        T.Sums(b0, b1, b2, b3, y + distance, add);
    }
}
