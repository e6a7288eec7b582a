using System.Numerics;
using System.Numerics.Tensors;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Benchmarks;

/// <summary>
/// What this machine can do at most, measured in this run, the fastest repetition, and remembered: the rate of a large matrix product in
/// ONNX Runtime, and how fast memory of a given size is read, or read and written. A model that fits a cache is held against the cache, not
/// against main memory.
/// </summary>
internal sealed class Machine(int threads, double budget)
{
    // The smaller one ends before another program is likely to come between.
    private static readonly int[] Squares = [512, 1024];

    private readonly Dictionary<(long, bool), double> rates = [];
    private double? product;

    /// <summary>Threads that every measurement may use.</summary>
    public int Threads => threads;

    /// <summary>Seconds that one measurement may take.</summary>
    public double Budget => budget;

    /// <summary>
    /// Floating-point operations per second of a large square product with a packed weight, the fastest of all repetitions and sizes.
    /// </summary>
    public double Arithmetic => product ??= Squares.Max(MeasureProduct);

    /// <summary>Bytes per second when memory of this size is read over and over.</summary>
    public double Reading(long bytes) => Rate(bytes, writes: false);

    /// <summary>Bytes read and written per second by a = b + s c over memory of this size.</summary>
    public double Streaming(long bytes) => Rate(bytes, writes: true);

    /// <summary>Bytes per second that a new file of this size takes until it is on the disk of the folder for temporary files.</summary>
    public double Writing(long bytes)
    {
        var block = new byte[1 << 20];
        Array.Fill(block, (byte)1);
        var folder = Directory.CreateTempSubdirectory("g2rl-disk-").FullName;
        try
        {
            var timing = Timing.Of(() =>
            {
                using var file = new FileStream(Path.Combine(folder, "file"), FileMode.Create, FileAccess.Write, FileShare.None, 0);
                for (var left = bytes; left > 0; left -= block.Length)
                    file.Write(block, 0, (int)Math.Min(left, block.Length));
                file.Flush(flushToDisk: true);
            }, budget);
            return bytes / timing.Fastest;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The seconds below which work cannot be done, and what is in the way.</summary>
    /// <param name="flops">Multiplications and additions of matrix products.</param>
    /// <param name="bytes">Bytes that have to be read.</param>
    /// <param name="workingSet">Memory that is gone through again and again, bytes.</param>
    public (double Seconds, string LimitedBy) Least(double flops, double bytes, long workingSet)
    {
        var (arithmetic, memory) = (flops / Arithmetic, bytes > 0 ? bytes / Reading(workingSet) : 0);
        return arithmetic >= memory ? (arithmetic, "arithmetic") : (memory, "memory");
    }

    // Sizes within a factor of two of each other share a measurement.
    private double Rate(long bytes, bool writes)
    {
        var size = (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Clamp(bytes, 1 << 18, 1 << 28));
        if (!rates.TryGetValue((size, writes), out var rate))
            rates[(size, writes)] = rate = MeasureRate(size, writes);
        return rate;
    }

    private double MeasureProduct(int size)
    {
        using var gemm = new Product(size, size, size, Layout.Packed, threads);
        return gemm.Flops / Timing.Of(gemm.Run, budget).Fastest;
    }

    private double MeasureRate(long size, bool writes)
    {
        var arrays = writes ? 3 : 1;
        var length = (int)(size / sizeof(float) / arrays / threads);
        using var memory = new FloatBuffer((long)length * arrays * threads, whole: true);
        // Pages that nobody wrote are all one page, which no cache misses.
        for (var t = 0; t < threads; t++)
            memory.Slice((long)t * arrays * length, arrays * length).Fill(1);
        // Passes enough that starting the threads does not count.
        var passes = (int)Math.Max(1, (64L << 20) / size);
        var sinks = new float[threads * 16];
        var timing = Timing.Of(() => Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, t =>
        {
            var mine = memory.Slice((long)t * arrays * length, arrays * length);
            for (var pass = 0; pass < passes; pass++)
                if (writes)
                    TensorPrimitives.MultiplyAdd(mine[length..(2 * length)], 3f, mine[(2 * length)..], mine[..length]);
                else
                    sinks[t * 16] += TensorPrimitives.Sum<float>(mine);
        }), budget);
        return (double)length * arrays * threads * sizeof(float) * passes / timing.Fastest;
    }
}

/// <summary>How the weight of a product lies.</summary>
internal enum Layout
{
    /// <summary>X W, the weight a constant that ONNX Runtime packs once: what updates in place rule out.</summary>
    Packed,

    /// <summary>X W^T, the weight an input in [out, in], as the graphs of this project have it.</summary>
    Input,

    /// <summary>W X^T, the same input as the left operand: nothing of it has to be packed.</summary>
    InputFirst,

    /// <summary>X W^T by our operator for few rows.</summary>
    Ours,
}

/// <summary>One matrix product [rows, inner] x [inner, outer] in ONNX Runtime.</summary>
internal sealed class Product : IDisposable
{
    private readonly OrtSession session;
    private readonly SessionBinding binding;

    public Product(int rows, int inner, int outer, Layout layout, int threads)
    {
        Flops = 2.0 * rows * inner * outer;
        Bytes = sizeof(float) * (((double)rows * inner) + ((double)inner * outer) + ((double)rows * outer));
        var graph = new Graph("product");
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, rows, inner);
        var weight = Numbers(inner * outer);
        graph.Output(op.Named("y", layout switch
        {
            Layout.Packed => op.MatMul(x, graph.Initializer("w", TensorData.Of(weight, inner, outer))),
            Layout.Input => op.Gemm(x, graph.Input("w", ElementType.Float32, outer, inner), transposeB: true),
            Layout.Ours => op.RowProduct(x, graph.Input("w", ElementType.Float32, outer, inner)),
            _ => op.Gemm(graph.Input("w", ElementType.Float32, outer, inner), x, transposeB: true),
        }));
        session = new OrtSession(graph, threads);
        binding = session.Bind();
        binding.Input("x", Numbers(rows * inner), rows, inner);
        if (layout != Layout.Packed)
            binding.Input("w", weight, outer, inner);
        binding.Output("y", new float[rows * outer], layout == Layout.InputFirst ? [outer, rows] : [rows, outer]);
    }

    /// <summary>Operations of a run.</summary>
    public double Flops { get; }

    /// <summary>Bytes that a run touches.</summary>
    public double Bytes { get; }

    public void Run() => binding.Run();

    public void Dispose()
    {
        binding.Dispose();
        session.Dispose();
    }

    private static float[] Numbers(int count)
    {
        var numbers = new float[count];
        for (var i = 0; i < count; i++)
            numbers[i] = ((i * 37 % 101) - 50) / 50f;
        return numbers;
    }
}
