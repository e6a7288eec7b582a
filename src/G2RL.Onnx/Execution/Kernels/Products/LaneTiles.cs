using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>
/// The inner products of <see cref="RowTiles{T}"/>, to the same bits, for many rows: these lie side by side in a vector, and of the weight
/// one number at a time goes to all of them. The sixteen lanes are gone through one after the other, each along the whole piece, and what a
/// lane leaves is added in the order of the tree.
/// </summary>
/// <remarks>
/// Nothing is summed across a vector, and no more than six or eight rows of the weight are read at once: half as long again at 64 rows as
/// tiles along the inner axis would take.
/// </remarks>
/// <typeparam name="T">Sixteen numbers, here of sixteen rows.</typeparam>
internal static unsafe class LaneTiles<T> where T : unmanaged, ISimd<T>
{
    /// <summary>Rows of a block: four vectors.</summary>
    public const int MostRows = 64;

    /// <summary>What a whole number of tiles of any block has: columns.</summary>
    public const int Columns = 24;

    /// <summary>Columns that are computed before they are put where they belong.</summary>
    public const int Together = 2 * Columns;

    /// <summary>Numbers that a tile leaves while it is computed: five sums on the way up the tree.</summary>
    public const int Sums = 5 * 24 * 16;

    private const int Lanes = 16;

    /// <summary>Rows of a block that holds so many: filled up to one, two or four vectors.</summary>
    public static int Height(int rows) => rows <= 16 ? 16 : rows <= 32 ? 32 : 64;

    /// <summary>Columns of a tile in a block of that height.</summary>
    public static int Width(int height) => height == 64 ? 6 : 8;

    /// <summary>
    /// Sixteen rows of a piece of x, as tiles read them: [16 lanes, count / 16, height]. Rows that are missing become zeros.
    /// </summary>
    /// <param name="x">The first row's piece.</param>
    /// <param name="line">Distance of rows.</param>
    /// <param name="rows">Rows that there are, from 0 to 16.</param>
    /// <param name="count">Numbers of the piece, a multiple of 16.</param>
    /// <param name="to">The place of the first row.</param>
    /// <param name="height">Rows of the block.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float* x, nint line, int rows, int count, float* to, int height)
    {
        nint steps = count / Lanes, lane = steps * height;
        if (rows == Lanes)
        {
            for (nint step = 0; step < steps; step++)
                Square.Turn(x + (step * Lanes), line, to + (step * height), lane);
            return;
        }
        for (var row = 0; row < Lanes; row += 4, x += 4 * line, to += 4)
            for (nint step = 0; step < steps; step++)
                for (var j = 0; j < Lanes; j += 4)
                {
                    var from = x + (step * Lanes) + j;
                    var (a, b, c, d) = Square.Turned(
                        row < rows ? Vector128.Load(from) : default,
                        row + 1 < rows ? Vector128.Load(from + line) : default,
                        row + 2 < rows ? Vector128.Load(from + (2 * line)) : default,
                        row + 3 < rows ? Vector128.Load(from + (3 * line)) : default);
                    var put = to + (j * lane) + (step * height);
                    a.Store(put);
                    b.Store(put + lane);
                    c.Store(put + (2 * lane));
                    d.Store(put + (3 * lane));
                }
    }

    /// <summary>A block of rows with as many columns as a tile has, from a piece of the inner axis.</summary>
    /// <param name="x">The piece of the block, as <see cref="Pack"/> left it.</param>
    /// <param name="height">Rows of the block, as <see cref="Height"/> says.</param>
    /// <param name="w">The piece of the weight's first row.</param>
    /// <param name="line">Distance of the weight's rows.</param>
    /// <param name="count">Numbers of the piece.</param>
    /// <param name="to">Receives the products, or has them added [columns, height].</param>
    /// <param name="add">Whether they are added.</param>
    /// <param name="ahead">Distance in numbers from w to what is to come nearer meanwhile.</param>
    /// <param name="sums"><see cref="Sums"/> numbers for the time of the call.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        float* x,
        int height,
        float* w,
        nint line,
        int count,
        float* to,
        bool add,
        nint ahead,
        float* sums)
    {
        int steps = count / Lanes, columns = Width(height), top = 0;
        for (var pass = 0; pass < Lanes; pass++)
        {
            Nearer(w + ahead, line, columns, pass * steps / Lanes, (pass + 1) * steps / Lanes);
            // Lanes 0, 8, 4, 12, ...: the tree adds halves first. A bit that is full is a sum that is whole.
            var lane = ((pass & 1) << 3) | ((pass & 2) << 1) | ((pass & 4) >> 1) | ((pass & 8) >> 3);
            var merges = BitOperations.TrailingZeroCount(~pass);
            var rowsOfLane = x + ((nint)lane * steps * height);
            var place = sums + (top * columns * height);
            switch (height)
            {
                case 64:
                    FourBySix(rowsOfLane, w + lane, line, steps, place, merges);
                    break;
                case 32:
                    TwoByEight(rowsOfLane, w + lane, line, steps, place, merges);
                    break;
                default:
                    OneByEight(rowsOfLane, w + lane, line, steps, place, merges);
                    break;
            }
            top += 1 - merges;
        }
        for (var i = 0; i < columns * height; i += Lanes)
            (add ? T.Load(to + i) + T.Load(sums + i) : T.Load(sums + i)).Store(to + i);
    }

    // Lines of each column, a share of them with each lane.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nearer(float* w, nint line, int columns, int first, int end)
    {
        if (!Sse.IsSupported)
            return;
        for (var column = 0; column < columns; column++, w += line)
            for (var i = first; i < end; i++)
                Sse.Prefetch0(w + (i * Lanes));
    }

    /// <summary>Products as tiles leave them [columns, height] -> y [rows, columns].</summary>
    /// <param name="from">The products.</param>
    /// <param name="height">Rows of the block.</param>
    /// <param name="columns">Columns, a multiple of 4.</param>
    /// <param name="rows">Rows that there are.</param>
    /// <param name="y">Receives them.</param>
    /// <param name="distance">Distance of its rows.</param>
    public static void Put(float* from, int height, int columns, int rows, float* y, nint distance) =>
        Square.Turn(from, height, columns, rows, y, distance);

    /// <summary>The way back: what products are added to.</summary>
    public static void Take(float* y, nint distance, int rows, int columns, float* to, int height) =>
        Square.Turn(y, distance, rows, columns, to, height);

    // These call nothing, so that sums stay in registers. Each goes along one lane, adds as many earlier sums as are due, and leaves its
    // own.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneByEight(float* x, float* w, nint line, int steps, float* sums, int merges)
    {
        T a0 = T.Zero;
        T b0 = T.Zero;
        T c0 = T.Zero;
        T d0 = T.Zero;
        T e0 = T.Zero;
        T f0 = T.Zero;
        T g0 = T.Zero;
        T h0 = T.Zero;
        var low = w + (4 * line);
        for (var i = 0; i < steps; i++)
        {
            T x0 = T.Load(x);
            var v = T.All(w[0]);
            a0 = T.Fma(v, x0, a0);
            v = T.All(w[line]);
            b0 = T.Fma(v, x0, b0);
            v = T.All(w[2 * line]);
            c0 = T.Fma(v, x0, c0);
            v = T.All(w[3 * line]);
            d0 = T.Fma(v, x0, d0);
            v = T.All(low[0]);
            e0 = T.Fma(v, x0, e0);
            v = T.All(low[line]);
            f0 = T.Fma(v, x0, f0);
            v = T.All(low[2 * line]);
            g0 = T.Fma(v, x0, g0);
            v = T.All(low[3 * line]);
            h0 = T.Fma(v, x0, h0);
            x += T.Count;
            w += T.Count;
            low += T.Count;
        }
        for (; merges > 0; merges--)
        {
            sums -= 8 * T.Count;
            a0 = T.Load(sums) + a0;
            b0 = T.Load(sums + T.Count) + b0;
            c0 = T.Load(sums + (2 * T.Count)) + c0;
            d0 = T.Load(sums + (3 * T.Count)) + d0;
            e0 = T.Load(sums + (4 * T.Count)) + e0;
            f0 = T.Load(sums + (5 * T.Count)) + f0;
            g0 = T.Load(sums + (6 * T.Count)) + g0;
            h0 = T.Load(sums + (7 * T.Count)) + h0;
        }
        a0.Store(sums);
        b0.Store(sums + T.Count);
        c0.Store(sums + (2 * T.Count));
        d0.Store(sums + (3 * T.Count));
        e0.Store(sums + (4 * T.Count));
        f0.Store(sums + (5 * T.Count));
        g0.Store(sums + (6 * T.Count));
        h0.Store(sums + (7 * T.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwoByEight(float* x, float* w, nint line, int steps, float* sums, int merges)
    {
        T a0 = T.Zero, a1 = T.Zero;
        T b0 = T.Zero, b1 = T.Zero;
        T c0 = T.Zero, c1 = T.Zero;
        T d0 = T.Zero, d1 = T.Zero;
        T e0 = T.Zero, e1 = T.Zero;
        T f0 = T.Zero, f1 = T.Zero;
        T g0 = T.Zero, g1 = T.Zero;
        T h0 = T.Zero, h1 = T.Zero;
        var low = w + (4 * line);
        for (var i = 0; i < steps; i++)
        {
            T x0 = T.Load(x), x1 = T.Load(x + T.Count);
            var v = T.All(w[0]);
            (a0, a1) = (T.Fma(v, x0, a0), T.Fma(v, x1, a1));
            v = T.All(w[line]);
            (b0, b1) = (T.Fma(v, x0, b0), T.Fma(v, x1, b1));
            v = T.All(w[2 * line]);
            (c0, c1) = (T.Fma(v, x0, c0), T.Fma(v, x1, c1));
            v = T.All(w[3 * line]);
            (d0, d1) = (T.Fma(v, x0, d0), T.Fma(v, x1, d1));
            v = T.All(low[0]);
            (e0, e1) = (T.Fma(v, x0, e0), T.Fma(v, x1, e1));
            v = T.All(low[line]);
            (f0, f1) = (T.Fma(v, x0, f0), T.Fma(v, x1, f1));
            v = T.All(low[2 * line]);
            (g0, g1) = (T.Fma(v, x0, g0), T.Fma(v, x1, g1));
            v = T.All(low[3 * line]);
            (h0, h1) = (T.Fma(v, x0, h0), T.Fma(v, x1, h1));
            x += 2 * T.Count;
            w += T.Count;
            low += T.Count;
        }
        for (; merges > 0; merges--)
        {
            sums -= 16 * T.Count;
            a0 = T.Load(sums) + a0;
            a1 = T.Load(sums + T.Count) + a1;
            b0 = T.Load(sums + (2 * T.Count)) + b0;
            b1 = T.Load(sums + (3 * T.Count)) + b1;
            c0 = T.Load(sums + (4 * T.Count)) + c0;
            c1 = T.Load(sums + (5 * T.Count)) + c1;
            d0 = T.Load(sums + (6 * T.Count)) + d0;
            d1 = T.Load(sums + (7 * T.Count)) + d1;
            e0 = T.Load(sums + (8 * T.Count)) + e0;
            e1 = T.Load(sums + (9 * T.Count)) + e1;
            f0 = T.Load(sums + (10 * T.Count)) + f0;
            f1 = T.Load(sums + (11 * T.Count)) + f1;
            g0 = T.Load(sums + (12 * T.Count)) + g0;
            g1 = T.Load(sums + (13 * T.Count)) + g1;
            h0 = T.Load(sums + (14 * T.Count)) + h0;
            h1 = T.Load(sums + (15 * T.Count)) + h1;
        }
        a0.Store(sums);
        a1.Store(sums + T.Count);
        b0.Store(sums + (2 * T.Count));
        b1.Store(sums + (3 * T.Count));
        c0.Store(sums + (4 * T.Count));
        c1.Store(sums + (5 * T.Count));
        d0.Store(sums + (6 * T.Count));
        d1.Store(sums + (7 * T.Count));
        e0.Store(sums + (8 * T.Count));
        e1.Store(sums + (9 * T.Count));
        f0.Store(sums + (10 * T.Count));
        f1.Store(sums + (11 * T.Count));
        g0.Store(sums + (12 * T.Count));
        g1.Store(sums + (13 * T.Count));
        h0.Store(sums + (14 * T.Count));
        h1.Store(sums + (15 * T.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourBySix(float* x, float* w, nint line, int steps, float* sums, int merges)
    {
        T a0 = T.Zero, a1 = T.Zero, a2 = T.Zero, a3 = T.Zero;
        T b0 = T.Zero, b1 = T.Zero, b2 = T.Zero, b3 = T.Zero;
        T c0 = T.Zero, c1 = T.Zero, c2 = T.Zero, c3 = T.Zero;
        T d0 = T.Zero, d1 = T.Zero, d2 = T.Zero, d3 = T.Zero;
        T e0 = T.Zero, e1 = T.Zero, e2 = T.Zero, e3 = T.Zero;
        T f0 = T.Zero, f1 = T.Zero, f2 = T.Zero, f3 = T.Zero;
        var low = w + (3 * line);
        for (var i = 0; i < steps; i++)
        {
            T x0 = T.Load(x), x1 = T.Load(x + T.Count), x2 = T.Load(x + (2 * T.Count)), x3 = T.Load(x + (3 * T.Count));
            var v = T.All(w[0]);
            (a0, a1, a2, a3) = (T.Fma(v, x0, a0), T.Fma(v, x1, a1), T.Fma(v, x2, a2), T.Fma(v, x3, a3));
            v = T.All(w[line]);
            (b0, b1, b2, b3) = (T.Fma(v, x0, b0), T.Fma(v, x1, b1), T.Fma(v, x2, b2), T.Fma(v, x3, b3));
            v = T.All(w[2 * line]);
            (c0, c1, c2, c3) = (T.Fma(v, x0, c0), T.Fma(v, x1, c1), T.Fma(v, x2, c2), T.Fma(v, x3, c3));
            v = T.All(low[0]);
            (d0, d1, d2, d3) = (T.Fma(v, x0, d0), T.Fma(v, x1, d1), T.Fma(v, x2, d2), T.Fma(v, x3, d3));
            v = T.All(low[line]);
            (e0, e1, e2, e3) = (T.Fma(v, x0, e0), T.Fma(v, x1, e1), T.Fma(v, x2, e2), T.Fma(v, x3, e3));
            v = T.All(low[2 * line]);
            (f0, f1, f2, f3) = (T.Fma(v, x0, f0), T.Fma(v, x1, f1), T.Fma(v, x2, f2), T.Fma(v, x3, f3));
            x += 4 * T.Count;
            w += T.Count;
            low += T.Count;
        }
        for (; merges > 0; merges--)
        {
            sums -= 24 * T.Count;
            a0 = T.Load(sums) + a0;
            a1 = T.Load(sums + T.Count) + a1;
            a2 = T.Load(sums + (2 * T.Count)) + a2;
            a3 = T.Load(sums + (3 * T.Count)) + a3;
            b0 = T.Load(sums + (4 * T.Count)) + b0;
            b1 = T.Load(sums + (5 * T.Count)) + b1;
            b2 = T.Load(sums + (6 * T.Count)) + b2;
            b3 = T.Load(sums + (7 * T.Count)) + b3;
            c0 = T.Load(sums + (8 * T.Count)) + c0;
            c1 = T.Load(sums + (9 * T.Count)) + c1;
            c2 = T.Load(sums + (10 * T.Count)) + c2;
            c3 = T.Load(sums + (11 * T.Count)) + c3;
            d0 = T.Load(sums + (12 * T.Count)) + d0;
            d1 = T.Load(sums + (13 * T.Count)) + d1;
            d2 = T.Load(sums + (14 * T.Count)) + d2;
            d3 = T.Load(sums + (15 * T.Count)) + d3;
            e0 = T.Load(sums + (16 * T.Count)) + e0;
            e1 = T.Load(sums + (17 * T.Count)) + e1;
            e2 = T.Load(sums + (18 * T.Count)) + e2;
            e3 = T.Load(sums + (19 * T.Count)) + e3;
            f0 = T.Load(sums + (20 * T.Count)) + f0;
            f1 = T.Load(sums + (21 * T.Count)) + f1;
            f2 = T.Load(sums + (22 * T.Count)) + f2;
            f3 = T.Load(sums + (23 * T.Count)) + f3;
        }
        a0.Store(sums);
        a1.Store(sums + T.Count);
        a2.Store(sums + (2 * T.Count));
        a3.Store(sums + (3 * T.Count));
        b0.Store(sums + (4 * T.Count));
        b1.Store(sums + (5 * T.Count));
        b2.Store(sums + (6 * T.Count));
        b3.Store(sums + (7 * T.Count));
        c0.Store(sums + (8 * T.Count));
        c1.Store(sums + (9 * T.Count));
        c2.Store(sums + (10 * T.Count));
        c3.Store(sums + (11 * T.Count));
        d0.Store(sums + (12 * T.Count));
        d1.Store(sums + (13 * T.Count));
        d2.Store(sums + (14 * T.Count));
        d3.Store(sums + (15 * T.Count));
        e0.Store(sums + (16 * T.Count));
        e1.Store(sums + (17 * T.Count));
        e2.Store(sums + (18 * T.Count));
        e3.Store(sums + (19 * T.Count));
        f0.Store(sums + (20 * T.Count));
        f1.Store(sums + (21 * T.Count));
        f2.Store(sums + (22 * T.Count));
        f3.Store(sums + (23 * T.Count));
    }
}
