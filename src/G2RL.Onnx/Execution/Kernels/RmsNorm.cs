using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>y = w x / sqrt(mean(x^2) + eps) over the last axis, and its gradients.</summary>
/// <remarks>
/// With r = 1 / sqrt(mean(x^2) + eps) and D the width: dx = r w dy - x r^3 / D sum(w dy x), dw = sum over rows of r x dy.
/// r is computed again rather than kept. Sums run in sixteen lanes and, over rows, in a number of parts that depends on their number alone.
/// </remarks>
internal static unsafe class RmsNorm
{
    // Numbers of a part of the forward pass, and parts of the backward pass: dw is summed by part.
    private const int Grain = 1 << 14;
    private const int FewestRows = 16;
    private const int MostParts = 16;

    /// <summary>Inputs x [..., D], w [D]; output y.</summary>
    public static void Forward<T>(in KernelContext context) where T : unmanaged, ISimd<T>
    {
        var (x, w) = (context.Input(0), context.Input(1));
        var (rows, width) = Sizes(x, w);
        var state = new State
        {
            X = x.Floats,
            W = w.Floats,
            Y = context.Output(0, x.Shape).Floats,
            Rows = rows,
            Width = width,
            PartRows = Math.Max(1, Grain / Math.Max(1, width)),
            Epsilon = context.Attribute(0),
        };
        context.ParallelFor(&state, (rows + state.PartRows - 1) / state.PartRows, &ForwardRows<T>);
    }

    /// <summary>Numbers that the backward pass needs beside the tensors.</summary>
    public static long Scratch(long rows, long width) => Math.Clamp(rows / FewestRows, 1, MostParts) * ((width + 15) / 16 * 16);

    /// <summary>Inputs dy, x [..., D], w [D]; outputs dx, dw (optional).</summary>
    public static void Backward<T>(in KernelContext context) where T : unmanaged, ISimd<T>
    {
        var (dy, x, w) = (context.Input(0), context.Input(1), context.Input(2));
        var (rows, width) = Sizes(x, w);
        dy.Require(x.Length, "dy");
        var parts = Math.Clamp(rows / FewestRows, 1, MostParts);
        var dw = context.Output(1, w.Shape).Floats;
        var padded = (width + 15) / 16 * 16;
        var sums = ScratchMemory.Rent(Scratch(rows, width));
        try
        {
            var state = new State
            {
                Dy = dy.Floats,
                X = x.Floats,
                W = w.Floats,
                Y = context.Output(0, x.Shape).Floats,
                Sums = sums,
                Rows = rows,
                Width = width,
                Padded = padded,
                Parts = parts,
                Epsilon = context.Attribute(0),
            };
            context.ParallelFor(&state, parts, &BackwardRows<T>);
            if (dw is not null)
                for (var j = 0; j < width; j++)
                {
                    var sum = sums[j];
                    for (var part = 1; part < parts; part++)
                        sum += sums[((long)part * padded) + j];
                    dw[j] = sum;
                }
        }
        finally
        {
            ScratchMemory.Return(sums);
        }
    }

    private static (int Rows, int Width) Sizes(KernelTensor x, KernelTensor w)
    {
        var width = checked((int)w.Length);
        if (x.Rank == 0 || x[x.Rank - 1] != width)
            throw new ArgumentException($"The weight has {width} elements; the last axis of x [{string.Join(", ", x.Shape.ToArray())}] "
                + "needs as many.");
        return (width == 0 ? 0 : checked((int)(x.Length / width)), width);
    }

    private struct State
    {
        public float* Dy, X, W, Y, Sums;
        public int Rows, Width, Padded, PartRows, Parts;
        public double Epsilon;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardRows<T>(State* s, int part) where T : unmanaged, ISimd<T>
    {
        int width = s->Width, whole = width / T.Count * T.Count, rest = width - whole;
        var w = s->W;
        var end = Math.Min(s->Rows, (part + 1) * s->PartRows);
        for (var row = part * s->PartRows; row < end; row++)
        {
            var x = s->X + ((nint)row * width);
            var y = s->Y + ((nint)row * width);
            var squares = T.Zero;
            for (var j = 0; j < whole; j += T.Count)
            {
                var a = T.Load(x + j);
                squares = T.Fma(a, a, squares);
            }
            var tail = rest > 0 ? SimdMath.LoadPart<T>(x + whole, rest) : T.Zero;
            squares = T.Fma(tail, tail, squares);
            var r = T.All(Inverse(squares.Sum(), width, s->Epsilon));
            for (var j = 0; j < whole; j += T.Count)
                (T.Load(x + j) * r * T.Load(w + j)).Store(y + j);
            if (rest > 0)
                SimdMath.StorePart(tail * r * SimdMath.LoadPart<T>(w + whole, rest), y + whole, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardRows<T>(State* s, int part) where T : unmanaged, ISimd<T>
    {
        int width = s->Width, whole = width / T.Count * T.Count, rest = width - whole;
        var w = s->W;
        var sums = s->Sums + ((nint)part * s->Padded);
        new Span<float>(sums, s->Padded).Clear();
        var wTail = rest > 0 ? SimdMath.LoadPart<T>(w + whole, rest) : T.Zero;
        var (first, end) = ((int)((long)s->Rows * part / s->Parts), (int)((long)s->Rows * (part + 1) / s->Parts));
        for (var row = first; row < end; row++)
        {
            var at = (nint)row * width;
            var dy = s->Dy + at;
            var x = s->X + at;
            var dx = s->Y + at;
            var (squares, products) = (T.Zero, T.Zero);
            for (var j = 0; j < whole; j += T.Count)
            {
                var a = T.Load(x + j);
                squares = T.Fma(a, a, squares);
                products = T.Fma(a * T.Load(w + j), T.Load(dy + j), products);
            }
            var (xTail, dyTail) = rest > 0
                ? (SimdMath.LoadPart<T>(x + whole, rest), SimdMath.LoadPart<T>(dy + whole, rest))
                : (T.Zero, T.Zero);
            squares = T.Fma(xTail, xTail, squares);
            products = T.Fma(xTail * wTail, dyTail, products);
            var inverse = Inverse(squares.Sum(), width, s->Epsilon);
            var r = T.All(inverse);
            var pull = T.All((float)(-(double)inverse * inverse * inverse * products.Sum() / width));
            for (var j = 0; j < whole; j += T.Count)
            {
                var (g, a) = (T.Load(dy + j) * r, T.Load(x + j));
                T.Fma(g, a, T.Load(sums + j)).Store(sums + j);
                T.Fma(g, T.Load(w + j), pull * a).Store(dx + j);
            }
            if (rest > 0)
            {
                var g = dyTail * r;
                T.Fma(g, xTail, T.Load(sums + whole)).Store(sums + whole);
                SimdMath.StorePart(T.Fma(g, wTail, pull * xTail), dx + whole, rest);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Inverse(float squares, int width, double epsilon) =>
        (float)(1 / Math.Sqrt(((double)squares / width) + epsilon));
}
