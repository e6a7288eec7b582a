using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>Rows of a matrix by their numbers, and its gradient: rows added to where they came from.</summary>
/// <remarks>Additions go in the order of the rows; parts are blocks of columns, so that two rows of one number never meet.</remarks>
internal static unsafe class Rows
{
    private const int PartColumns = 256;

    /// <summary>Inputs x [N, D], numbers [R] (0 to N - 1); output [R, D].</summary>
    public static void Take(in KernelContext context)
    {
        var (x, numbers) = (context.Input(0), context.Input(1));
        var (count, width) = Sizes(x, numbers);
        var y = context.Output(0, numbers.Length, width).Floats;
        for (var i = 0; i < numbers.Length; i++)
            new ReadOnlySpan<float>(x.Floats + (Number(numbers.Longs[i], count) * width), width)
                .CopyTo(new Span<float>(y + (i * width), width));
    }

    /// <summary>
    /// Inputs sums [N, D], numbers [R], rows [R, D]; output sums with the rows added, in the same memory where it is free.
    /// </summary>
    public static void Add<T>(in KernelContext context) where T : unmanaged, ISimd<T>
    {
        KernelTensor sums = context.Input(0), numbers = context.Input(1), rows = context.Input(2);
        var (count, width) = Sizes(sums, numbers);
        rows.Require(numbers.Length * width, "rows");
        var y = context.Output(0, sums.Shape).Floats;
        if (y != sums.Floats)
            Buffer.MemoryCopy(sums.Floats, y, sums.Length * sizeof(float), sums.Length * sizeof(float));
        var state = new State
        {
            Sums = y,
            Rows = rows.Floats,
            Numbers = numbers.Longs,
            Length = numbers.Length,
            Count = count,
            Width = width,
        };
        context.ParallelFor(&state, (width + PartColumns - 1) / PartColumns, &AddPart<T>);
    }

    private struct State
    {
        public float* Sums, Rows;
        public long* Numbers;
        public long Length, Count;
        public int Width;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddPart<T>(State* s, int part) where T : unmanaged, ISimd<T>
    {
        var first = part * PartColumns;
        var last = Math.Min(s->Width, first + PartColumns);
        for (var i = 0L; i < s->Length; i++)
        {
            var row = s->Rows + (i * s->Width);
            var sum = s->Sums + (Number(s->Numbers[i], s->Count) * s->Width);
            var j = first;
            for (; j + T.Count <= last; j += T.Count)
                (T.Load(sum + j) + T.Load(row + j)).Store(sum + j);
            for (; j < last; j++)
                sum[j] += row[j];
        }
    }

    private static (long Count, int Width) Sizes(KernelTensor x, KernelTensor numbers) => x.Rank == 2 && numbers.Rank == 1
        ? (x[0], x[1])
        : throw new ArgumentException("Rows are those of a matrix, and their numbers are a vector.");

    private static long Number(long number, long count) => (ulong)number < (ulong)count
        ? number
        : throw new ArgumentException($"Row {number} is asked for; there are {count}.");
}
