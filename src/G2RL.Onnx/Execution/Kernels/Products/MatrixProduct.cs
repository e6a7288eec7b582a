using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Products;

/// <summary>
/// Y = op(A) op(B) + C for many rows, either operand as it lies or turned. Blocks of B's columns, a number that depends on their number
/// alone, are the parts of the work; each is laid out in panels of 32 columns and 256 of the inner axis, over which strips of 6 rows go.
/// </summary>
/// <remarks>
/// An element is the sum over blocks of 256 of chains of fused multiply-adds, added to C one after the other: bits depend neither on
/// threads nor on vectors.
/// </remarks>
/// <typeparam name="N">What one instruction works on.</typeparam>
internal static unsafe class MatrixProduct<N> where N : unmanaged, ISimd<N>
{
    private const int Inner = 256;

    /// <summary>Columns of a part of the work, at most.</summary>
    public const int MostColumns = 384;

    // Rows of what is found apart before it is added in turn: with all columns of a part they stay in the second cache.
    private const int RowsInTurn = 84 * Panels.Rows;

    /// <summary>
    /// Inputs A, B, C (optional; [M, N] or [N]); output Y [M, N]. Attributes: whether A and B are turned; whether C [M, N], in whose memory
    /// Y then is, is added to in turn (<see cref="LaneTurns"/>).
    /// </summary>
    public static void Run(in KernelContext context)
    {
        KernelTensor a = context.Input(0), b = context.Input(1), c = context.Input(2);
        if (a.Rank != 2 || b.Rank != 2)
            throw new ArgumentException("A and B are matrices.");
        var (turnA, turnB) = (context.Attribute(0) != 0, context.Attribute(1) != 0);
        int rows = turnA ? a[1] : a[0], inner = turnA ? a[0] : a[1], columns = turnB ? b[0] : b[1];
        if ((turnB ? b[1] : b[0]) != inner)
            throw new ArgumentException($"A has {inner} columns and B {(turnB ? b[1] : b[0])} rows; they need as many.");
        var y = context.Output(0, rows, columns);
        if (rows == 0 || columns == 0)
            return;
        if (c.Exists)
            Fill(c, y.Floats, rows, columns);
        else if (inner == 0)
            new Span<float>(y.Floats, checked(rows * columns)).Clear();
        var inTurn = context.Attribute(2) != 0;
        if (inTurn && c.Floats != y.Floats && LaneTurns.AreTaken)
            throw new InvalidOperationException("A sum that is added to in turn lies in one place.");
        var parts = Math.Max(1, (columns + MostColumns - 1) / MostColumns);
        var state = new State
        {
            A = a.Floats,
            B = b.Floats,
            Y = y.Floats,
            Rows = rows,
            Columns = columns,
            Depth = inner,
            TurnA = turnA,
            TurnB = turnB,
            Adds = c.Exists,
            PartColumns = ((columns + parts - 1) / parts + Panels.Columns - 1) / Panels.Columns * Panels.Columns,
        };
        var count = (columns + state.PartColumns - 1) / state.PartColumns;
        if (!inTurn)
            context.ParallelFor(&state, count, &Part);
        else if (!LaneTurns.AreTaken)
            context.ParallelFor(&state, count, &PartInTurn);
        else
            // The turns are this thread's.
            for (var part = 0; part < count; part++)
                PartInTurn(&state, part);
    }

    /// <summary>Numbers that a part of the work needs beside the tensors.</summary>
    /// <param name="rows">M</param>
    /// <param name="columns">Columns of the part; a part has no more than of all of them, and never many more than 384.</param>
    /// <param name="turnA">Whether A is turned.</param>
    public static long Scratch(long rows, long columns, bool turnA) =>
        (Whole(columns) * Inner)
            + (turnA ? (rows + Panels.Rows) * Inner : 0)
            + (Panels.Rows * Panels.Columns)
            + 16;

    /// <summary>The same where a part is added in turn: all of B's part is laid out, and a block of rows lies apart.</summary>
    public static long ScratchInTurn(long rows, long inner, long columns, bool turnA) =>
        (Whole(columns) * ((inner + Inner - 1) / Inner * Inner))
            + (turnA ? (RowsInTurn + Panels.Rows) * Inner : 0)
            + (Panels.Rows * Panels.Columns)
            + (Math.Min(rows, RowsInTurn) * Whole(columns))
            + 16;

    private static long Whole(long columns) => (Math.Min(columns, MostColumns) + Panels.Columns - 1) / Panels.Columns * Panels.Columns;

    private struct State
    {
        public float* A, B, Y;
        public int Rows, Columns, Depth, PartColumns;
        public bool TurnA, TurnB, Adds;
    }

    private static void Fill(KernelTensor c, float* y, int rows, int columns)
    {
        if (c.Floats == y)
            return;
        var all = (long)rows * columns;
        if (c.Length == all)
            Buffer.MemoryCopy(c.Floats, y, all * sizeof(float), all * sizeof(float));
        else
        {
            c.Require(columns, "C");
            for (var i = 0; i < rows; i++)
                new ReadOnlySpan<float>(c.Floats, columns).CopyTo(new Span<float>(y + ((nint)i * columns), columns));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Part(State* s, int part)
    {
        var first = part * s->PartColumns;
        var last = Math.Min(s->Columns, first + s->PartColumns);
        var width = (nint)Whole(last - first);
        var memory = ScratchMemory.Rent(Scratch(s->Rows, last - first, s->TurnA));
        try
        {
            var packed = memory;
            var edge = packed + (width * Inner);
            var strips = edge + (Panels.Rows * Panels.Columns);
            for (var depth = 0; depth < s->Depth; depth += Inner)
            {
                var inner = Math.Min(Inner, s->Depth - depth);
                Pack(s, first, last, depth, inner, packed);
                if (s->TurnA)
                    Panels.Strips(s->A + ((nint)depth * s->Rows), s->Rows, inner, s->Rows, strips);
                var y = new Target { Floats = s->Y + first, Distance = s->Columns, Rows = s->Rows, Columns = last - first };
                Rows(s, y, depth, inner, packed, strips, edge, s->Adds || depth > 0);
            }
        }
        finally
        {
            ScratchMemory.Return(memory);
        }
    }

    // The same, block of rows by block of rows apart, each then added to Y.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PartInTurn(State* s, int part)
    {
        var first = part * s->PartColumns;
        var last = Math.Min(s->Columns, first + s->PartColumns);
        var columns = last - first;
        var packed = ScratchMemory.Rent(ScratchInTurn(s->Rows, s->Depth, columns, s->TurnA));
        try
        {
            var width = (nint)Whole(columns) * Inner;
            var edge = packed + (width * ((s->Depth + Inner - 1) / Inner));
            var apart = edge + (Panels.Rows * Panels.Columns);
            var strips = apart + ((nint)Math.Min(s->Rows, RowsInTurn) * columns);
            for (var depth = 0; depth < s->Depth; depth += Inner)
                Pack(s, first, last, depth, Math.Min(Inner, s->Depth - depth), packed + (width * (depth / Inner)));
            for (var row = 0; row < s->Rows; row += RowsInTurn)
            {
                var block = new Target
                {
                    Floats = apart,
                    Distance = columns,
                    First = row,
                    Rows = Math.Min(RowsInTurn, s->Rows - row),
                    Columns = columns,
                };
                for (var depth = 0; depth < s->Depth; depth += Inner)
                {
                    var inner = Math.Min(Inner, s->Depth - depth);
                    if (s->TurnA)
                        Panels.Strips(s->A + ((nint)depth * s->Rows) + row, s->Rows, inner, block.Rows, strips);
                    Rows(s, block, depth, inner, packed + (width * (depth / Inner)), strips, edge, depth > 0);
                }
                LaneTurns.Await();
                for (var r = 0; r < block.Rows && s->Depth > 0; r++)
                    Add(apart + ((nint)r * columns), s->Y + ((nint)(row + r) * s->Columns) + first, columns);
                LaneTurns.Pass();
            }
        }
        finally
        {
            ScratchMemory.Return(packed);
        }
    }

    // Columns of B from a place of the inner axis on, in panels.
    private static void Pack(State* s, int first, int last, int depth, int inner, float* packed)
    {
        for (var column = first; column < last; column += Panels.Columns)
        {
            var count = Math.Min(Panels.Columns, last - column);
            var target = packed + ((nint)(column - first) * Inner);
            if (s->TurnB)
                Panels.Turned(s->B + ((nint)column * s->Depth) + depth, s->Depth, inner, count, target);
            else
                Panels.Straight(s->B + ((nint)depth * s->Columns) + column, s->Columns, inner, count, target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* row, float* sum, int columns)
    {
        var j = 0;
        for (; j + N.Count <= columns; j += N.Count)
            (N.Load(sum + j) + N.Load(row + j)).Store(sum + j);
        for (; j < columns; j++)
            sum[j] += row[j];
    }

    // Rows of Y from one on, and where they are written.
    private struct Target
    {
        public float* Floats;
        public nint Distance;
        public int First, Rows, Columns;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(State* s, Target target, int depth, int inner, float* packed, float* strips, float* edge, bool add)
    {
        // A panel stays in the nearest cache while all strips pass.
        for (var column = 0; column < target.Columns; column += Panels.Columns)
        {
            var b = packed + ((nint)column * Inner);
            var columns = Math.Min(Panels.Columns, target.Columns - column);
            for (var row = 0; row < target.Rows; row += Panels.Rows)
            {
                var rows = Math.Min(Panels.Rows, target.Rows - row);
                var a = s->TurnA ? strips + ((nint)row * inner) : s->A + ((nint)(target.First + row) * s->Depth) + depth;
                var (aRow, aColumn) = s->TurnA ? (1, Panels.Rows) : ((nint)s->Depth, 1);
                var y = target.Floats + (row * target.Distance) + column;
                if (columns == Panels.Columns)
                    SmallProduct<N>.Run(a, aRow, aColumn, b, Panels.Columns, y, target.Distance, rows, Panels.Columns, inner, add);
                else
                {
                    SmallProduct<N>.Run(a, aRow, aColumn, b, Panels.Columns, edge, Panels.Columns, rows, Panels.Columns, inner, add: false);
                    Edge(edge, y, target.Distance, rows, columns, add);
                }
            }
        }
    }

    // What of a tile lies inside the matrix.
    private static void Edge(float* edge, float* y, nint distance, int rows, int columns, bool add)
    {
        for (var r = 0; r < rows; r++)
            for (var j = 0; j < columns; j++)
            {
                var sum = edge[(r * Panels.Columns) + j];
                y[(r * distance) + j] = add ? y[(r * distance) + j] + sum : sum;
            }
    }
}
