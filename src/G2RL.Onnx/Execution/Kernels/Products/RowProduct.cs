using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>
/// y = x W^T (+ c) for few rows, W [N, K] as it lies: the weight comes from memory once, in the order in which it lies there, and nothing
/// of it is laid out anew. Parts of the work are blocks of the weight's rows.
/// </summary>
/// <remarks>
/// A number of the result is summed in sixteen lanes along K (<see cref="RowTiles{T}"/>): its bits depend on its row and column alone, not
/// on how many rows are computed together, nor on vectors and threads.
/// </remarks>
/// <typeparam name="T">Sixteen numbers.</typeparam>
internal static unsafe class RowProduct<T> where T : unmanaged, ISimd<T>
{
    // Numbers of the weight in a part: half of a second-level cache would hold it beside the rows.
    private const int Grain = 1 << 15;

    private const int MostWeights = 3;

    // So many rows lie in the nearest caches beside four of the weight.
    private const int FewRows = 16;

    /// <summary>Inputs x [R, K], w [N, K], c (optional; [R, N] or [N]); output y [R, N], which may lie on c.</summary>
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
        context.ParallelFor(&state, state.Parts, &Part);
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
        context.ParallelFor(&state, state.Parts, &Part);
    }

    private struct State
    {
        public float* X;
        public int Rows, Depth, Parts;
        public bool Adds;
        public Weight First, Second, Third;
    }

    // Begin: the first part that is this weight's.
    private struct Weight
    {
        public float* W, Y;
        public int Columns, PartColumns, Begin;
    }

    private static void Add(ref State state, int place, KernelTensor w, KernelTensor y)
    {
        if (w[1] != state.Depth)
            throw new ArgumentException($"x has {state.Depth} columns and W {w[1]}; they need as many.");
        var each = Math.Max(RowTiles<T>.Columns, Grain / Math.Max(1, state.Depth) / RowTiles<T>.Columns * RowTiles<T>.Columns);
        var weight = new Weight { W = w.Floats, Y = y.Floats, Columns = w[0], PartColumns = each, Begin = state.Parts };
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
        var weight = s->Third.W is not null && part >= s->Third.Begin ? &s->Third
            : s->Second.W is not null && part >= s->Second.Begin ? &s->Second : &s->First;
        nint depth = s->Depth, columns = weight->Columns;
        var first = (part - weight->Begin) * weight->PartColumns;
        var last = Math.Min(weight->Columns, first + weight->PartColumns);
        var tiles = first + ((last - first) / RowTiles<T>.Columns * RowTiles<T>.Columns);
        if (s->Rows <= FewRows)
            ByColumns(s, weight, first, tiles);
        else
            ByRows(s, weight, first, tiles);
        for (var column = tiles; column < last; column++)
            RowTiles<T>.Single(s->X, s->Rows, weight->W + (column * depth), s->Depth, weight->Y + column, columns, s->Adds);
    }

    // All rows with four columns, then with the next four, which come nearer meanwhile.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ByColumns(State* s, Weight* weight, int first, int last)
    {
        nint depth = s->Depth, columns = weight->Columns, next = RowTiles<T>.Columns * depth;
        for (var column = first; column < last; column += RowTiles<T>.Columns)
        {
            var w = weight->W + (column * depth);
            for (var row = 0; row < s->Rows;)
            {
                var height = RowTiles<T>.Height(s->Rows - row);
                var y = weight->Y + (row * columns) + column;
                RowTiles<T>.Run(s->X + (row * depth), height, w, s->Depth, y, columns, s->Adds, row == 0 ? next : 0);
                row += height;
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
                RowTiles<T>.Run(x, height, weight->W + (column * depth), s->Depth, y + column, columns, s->Adds, ahead);
            }
            row += height;
        }
    }
}
