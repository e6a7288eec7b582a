using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>
/// y = x W^T (+ c) for few rows, W [N, K] as it lies: the weight comes from memory once, in the order in which it lies there, and nothing
/// of it is laid out anew. Parts of the work are blocks of the weight's rows.
/// </summary>
/// <remarks>
/// A number of the result is summed in sixteen lanes along pieces of K (<see cref="RowTiles{T}"/>): its bits depend on its row and column
/// alone, not on how many rows are computed together, nor on vectors and threads. From some rows on x is laid out anew, so that one number
/// of the weight meets many rows at once (<see cref="LaneTiles{T}"/>), to the same bits.
/// </remarks>
/// <typeparam name="T">Sixteen numbers.</typeparam>
internal static unsafe class RowProduct<T> where T : unmanaged, ISimd<T>
{
    // Numbers of the weight in a part: half of a second-level cache would hold it beside the rows.
    private const int Grain = 1 << 15;

    private const int MostWeights = 3;

    // So many rows lie in the nearest caches beside four of the weight; more would leave few of a vector's sixteen empty.
    private const int FewRows = 12;

    // The most columns of a tile.
    private const int NarrowColumns = 8;

    // Registers of 512 bits hold a tile's sums; elsewhere rows are taken six at a time.
    private static bool TakesLanes => typeof(T) == typeof(Simd512);

    /// <summary>
    /// Inputs x [R, K], w [N, K] in float32 or bfloat16 (K then a multiple of 16, N of 4), c (optional; [R, N] or [N]); output y [R, N],
    /// which may lie on c.
    /// </summary>
    public static void Run(in KernelContext context)
    {
        var (x, w, c) = (context.Input(0), context.Input(1), context.Input(2));
        if (x.Rank != 2 || w.Rank != 2)
            throw new ArgumentException("x and W are matrices.");
        var state = new State { X = x.Floats, Rows = x[0], Depth = x[1], Adds = c.Exists };
        var y = context.Output(0, x[0], w[0]);
        if (c.Exists)
            Fill(c, y.Floats, x[0], w[0]);
        Add(ref state, 0, w, y);
        Compute(context, &state);
    }

    /// <summary>Several weights on the same rows. Inputs x [R, K], two or three w [N, K]; as many outputs [R, N].</summary>
    public static void RunSeveral(in KernelContext context)
    {
        var x = context.Input(0);
        if (x.Rank != 2)
            throw new ArgumentException("x is a matrix.");
        var state = new State { X = x.Floats, Rows = x[0], Depth = x[1] };
        for (var i = 0; i < MostWeights; i++)
            if (context.Input(i + 1) is { Exists: true } w)
                Add(ref state, i, w, context.Output(i, x[0], w.Rank == 2 ? w[0] : throw new ArgumentException("W is a matrix.")));
        Compute(context, &state);
    }

    /// <summary>Numbers that a call takes for the time of it.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="depth">The inner axis.</param>
    public static long Scratch(long rows, long depth) => rows <= FewRows || depth < T.Count || !TakesLanes
        ? 0
        : ((rows / LaneTiles<T>.MostRows * LaneTiles<T>.MostRows) + LaneTiles<T>.Height((int)(rows % LaneTiles<T>.MostRows)))
            * (depth / T.Count * T.Count);

    private static void Compute(in KernelContext context, State* state)
    {
        var scratch = Scratch(state->Rows, state->Depth);
        if (scratch == 0)
        {
            context.ParallelFor(state, state->Parts, &Part);
            return;
        }
        state->Packed = ScratchMemory.Rent(scratch);
        try
        {
            context.ParallelFor(state, (state->Rows + 15) / 16, &Pack);
            context.ParallelFor(state, state->Parts, &Part);
        }
        finally
        {
            ScratchMemory.Return(state->Packed);
        }
    }

    private struct State
    {
        public float* X;

        // Of many rows: x in blocks of rows, pieces of a block one behind the other.
        public float* Packed;
        public int Rows, Depth, Parts;
        public bool Adds;
        public Weight First, Second, Third;
    }

    // Begin: the first part that is this weight's.
    private struct Weight
    {
        public float* W, Y;

        // In bfloat16; W is then null.
        public ushort* Narrow;
        public int Columns, PartColumns, Begin;
    }

    private static void Add(ref State state, int place, KernelTensor w, KernelTensor y)
    {
        if (w[1] != state.Depth)
            throw new ArgumentException($"x has {state.Depth} columns and W {w[1]}; they need as many.");
        var each = Math.Max(LaneTiles<T>.Columns, Grain / Math.Max(1, state.Depth) / LaneTiles<T>.Columns * LaneTiles<T>.Columns);
        if (w.Type is not (PortType.Float32 or PortType.BFloat16))
            throw new ArgumentException($"W has element type {w.Type}; float32 and bfloat16 are taken.");
        var isNarrow = w.Type == PortType.BFloat16;
        if (isNarrow && (w[0] % RowTiles<T>.Columns != 0 || w[1] % T.Count != 0))
            throw new ArgumentException($"A bfloat16 W is [{w[0]}, {w[1]}]; it needs a multiple of 4 rows and of 16 columns.");
        var weight = new Weight { Y = y.Floats, Columns = w[0], PartColumns = each, Begin = state.Parts };
        if (isNarrow)
            weight.Narrow = w.Halves;
        else
            weight.W = w.Floats;
        state.Parts += state.Rows == 0 ? 0 : (weight.Columns + each - 1) / each;
        if (place == 0)
            state.First = weight;
        else if (place == 1)
            state.Second = weight;
        else
            state.Third = weight;
    }

    private static void Fill(KernelTensor c, float* y, int rows, int columns)
    {
        var all = (long)rows * columns;
        if (c.Floats == y)
            return;
        if (c.Length == all)
            Buffer.MemoryCopy(c.Floats, y, all * sizeof(float), all * sizeof(float));
        else
        {
            c.Require(columns, "c");
            for (var i = 0; i < rows; i++)
                new ReadOnlySpan<float>(c.Floats, columns).CopyTo(new Span<float>(y + ((nint)i * columns), columns));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Part(State* s, int part)
    {
        var weight = s->Third.Columns > 0 && part >= s->Third.Begin ? &s->Third
            : s->Second.Columns > 0 && part >= s->Second.Begin ? &s->Second : &s->First;
        nint depth = s->Depth, columns = weight->Columns;
        var first = (part - weight->Begin) * weight->PartColumns;
        var last = Math.Min(weight->Columns, first + weight->PartColumns);
        if (s->Packed is not null)
            first = ByLanes(s, weight, first, last);
        var tiles = first + ((last - first) / RowTiles<T>.Columns * RowTiles<T>.Columns);
        if (s->Rows <= FewRows || weight->Narrow is not null)
            ByColumns(s, weight, first, tiles);
        else
            ByRows(s, weight, first, tiles);
        for (var column = tiles; column < last; column++)
            RowTiles<T>.Single(s->X, s->Rows, weight->W + (column * depth), s->Depth, weight->Y + column, columns, s->Adds);
    }

    // Sixteen rows of x as tiles of lanes read them.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pack(State* s, int part)
    {
        nint depth = s->Depth;
        int whole = s->Depth / T.Count * T.Count, piece = RowTiles<T>.Piece(whole), row = 16 * part;
        var (block, place) = (row / LaneTiles<T>.MostRows * LaneTiles<T>.MostRows, row % LaneTiles<T>.MostRows);
        var height = LaneTiles<T>.Height(Math.Min(LaneTiles<T>.MostRows, s->Rows - block));
        // The last rows of a block that is filled up belong to the last part.
        for (var end = row + 16 < s->Rows ? place + 16 : height; place < end; place += 16)
            for (var k = 0; k < whole; k += piece)
                LaneTiles<T>.Pack(
                    s->X + ((block + place) * depth) + k,
                    s->Depth,
                    Math.Clamp(s->Rows - block - place, 0, 16),
                    Math.Min(piece, whole - k),
                    s->Packed + (block * (nint)whole) + (k * (nint)height) + place,
                    height);
    }

    // A block of rows with all columns of the part, which stay in the second cache, then the next. Returns the first column that is left.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ByLanes(State* s, Weight* weight, int first, int last)
    {
        nint depth = s->Depth, columns = weight->Columns;
        int whole = s->Depth / T.Count * T.Count, piece = RowTiles<T>.Piece(whole);
        // The room's beginning at a line of memory, where a vector lies on one alone.
        var memory = stackalloc float[LaneTiles<T>.Sums + (LaneTiles<T>.Together * LaneTiles<T>.MostRows) + 16];
        var sums = (float*)(((nint)memory + 63) / 64 * 64);
        var products = sums + LaneTiles<T>.Sums;
        var wide = stackalloc float[weight->Narrow is null ? 0 : NarrowColumns * RowTiles<T>.MostPiece];
        // The widest tile decides for all, so that every block leaves the same columns.
        last = first + ((last - first) / LaneTiles<T>.Columns * LaneTiles<T>.Columns);
        for (var row = 0; row < s->Rows; row += LaneTiles<T>.MostRows)
        {
            var rows = Math.Min(LaneTiles<T>.MostRows, s->Rows - row);
            var height = LaneTiles<T>.Height(rows);
            var width = LaneTiles<T>.Width(height);
            for (var group = first; group < last; group += LaneTiles<T>.Together)
            {
                var end = Math.Min(last, group + LaneTiles<T>.Together);
                var y = weight->Y + (row * columns) + group;
                var starts = s->Adds;
                if (whole < s->Depth)
                    RowTiles<T>.Rest(
                        s->X + (row * depth),
                        rows,
                        weight->W + (group * depth),
                        end - group,
                        s->Depth,
                        y,
                        columns,
                        ref starts);
                if (starts)
                    LaneTiles<T>.Take(y, columns, rows, end - group, products, height);
                for (var column = group; column < end; column += width)
                    for (var k = 0; k < whole; k += piece)
                    {
                        var count = Math.Min(piece, whole - k);
                        var from = weight->W + (column * depth) + k;
                        var (line, ahead) = (depth, width * depth);
                        if (weight->Narrow is not null)
                        {
                            NarrowRows<T>.Widen(weight->Narrow + (column * depth) + k, depth, width, count, wide);
                            from = wide;
                            (line, ahead) = (count, 0);
                        }
                        LaneTiles<T>.Run(
                            s->Packed + (row * (nint)whole) + (k * (nint)height),
                            height,
                            from,
                            line,
                            count,
                            products + ((column - group) * height),
                            starts || k > 0,
                            ahead,
                            sums);
                    }
                LaneTiles<T>.Put(products, height, end - group, rows, y, columns);
            }
        }
        return last;
    }

    // All rows with four columns, then with the next four, which come nearer meanwhile.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ByColumns(State* s, Weight* weight, int first, int last)
    {
        nint depth = s->Depth, columns = weight->Columns, next = RowTiles<T>.Columns * depth;
        int whole = s->Depth / T.Count * T.Count, piece = RowTiles<T>.Piece(whole);
        var wide = stackalloc float[weight->Narrow is null ? 0 : RowTiles<T>.Columns * RowTiles<T>.MostPiece];
        for (var column = first; column < last; column += RowTiles<T>.Columns)
        {
            var w = weight->W + (column * depth);
            var adds = s->Adds;
            if (whole < s->Depth)
                RowTiles<T>.Rest(s->X, s->Rows, w, RowTiles<T>.Columns, s->Depth, weight->Y + column, columns, ref adds);
            for (var k = 0; k < whole; k += piece, adds = true)
            {
                var count = Math.Min(piece, whole - k);
                var (from, line, ahead) = (k, depth, next);
                if (weight->Narrow is not null)
                {
                    NarrowRows<T>.Widen(weight->Narrow + (column * depth) + k, depth, RowTiles<T>.Columns, count, wide);
                    (from, line, ahead) = (0, count, 0);
                }
                for (var row = 0; row < s->Rows;)
                {
                    var height = RowTiles<T>.Height(s->Rows - row);
                    var y = weight->Y + (row * columns) + column;
                    RowTiles<T>.Run(
                        s->X + (row * depth) + k,
                        depth,
                        height,
                        (weight->Narrow is null ? w : wide) + from,
                        line,
                        count,
                        y,
                        columns,
                        adds,
                        row == 0 ? ahead : 0);
                    row += height;
                }
            }
        }
    }

    // A few rows with all columns of the part, which stay in the second cache, then the next few. Meanwhile what the next part reads comes
    // nearer, a share of it with each.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ByRows(State* s, Weight* weight, int first, int last)
    {
        nint depth = s->Depth, columns = weight->Columns, block = weight->PartColumns * depth;
        int passes = (s->Rows + RowTiles<T>.MostRows - 1) / RowTiles<T>.MostRows, pass = 0;
        for (var row = 0; row < s->Rows; pass++)
        {
            var height = RowTiles<T>.Height(s->Rows - row);
            var x = s->X + (row * depth);
            var y = weight->Y + (row * columns);
            var tile = pass;
            for (var column = first; column < last; column += RowTiles<T>.Columns, tile++)
            {
                var ahead = tile % passes == 0 ? block : 0;
                RowTiles<T>.Whole(x, height, weight->W + (column * depth), s->Depth, y + column, columns, s->Adds, ahead);
            }
            row += height;
        }
    }
}
