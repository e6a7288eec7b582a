using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Attention;

/// <summary>
/// Values weighted by the shares of several heads at once, so that a value is read once for all of them. Every number is one chain of fused
/// multiply-adds in the order of the positions.
/// </summary>
/// <typeparam name="T">Sixteen numbers.</typeparam>
internal static unsafe class Mixture<T> where T : unmanaged, ISimd<T>
{
    /// <summary>mixed [heads, w] += shares [heads, count] values [count, w].</summary>
    /// <param name="shares">The first head's.</param>
    /// <param name="distance">Distance of heads among the shares.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="values">The first value.</param>
    /// <param name="width">Numbers of a value.</param>
    /// <param name="count">Values.</param>
    /// <param name="mixed">The sums; those behind a head's width are not touched.</param>
    /// <param name="line">Distance of heads among the sums.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* shares, int distance, int heads, float* values, int width, int count, float* mixed, int line)
    {
        var column = 0;
        for (; column + (4 * T.Count) <= width; column += 4 * T.Count)
        {
            var head = 0;
            for (; head + 3 <= heads; head += 3)
                Three(shares + (head * distance), distance, values + column, width, count, mixed + (head * line) + column, line);
            for (; head < heads; head++)
                One(shares + (head * distance), values + column, width, count, mixed + (head * line) + column);
        }
        for (; column + T.Count <= width; column += T.Count)
            for (var head = 0; head < heads; head++)
                Narrow(shares + (head * distance), values + column, width, count, mixed + (head * line) + column);
        if (column < width)
            for (var head = 0; head < heads; head++)
                Rest(shares + (head * distance), values + column, width, count, mixed + (head * line) + column, width - column);
    }

    /// <summary>Zeros.</summary>
    public static void Clear(float* numbers, int count) => new Span<float>(numbers, count).Clear();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Three(float* shares, int distance, float* values, int width, int count, float* mixed, int line)
    {
        float* second = mixed + line, third = second + line;
        T a0 = T.Load(mixed), a1 = T.Load(mixed + T.Count), a2 = T.Load(mixed + (2 * T.Count)), a3 = T.Load(mixed + (3 * T.Count));
        T b0 = T.Load(second), b1 = T.Load(second + T.Count), b2 = T.Load(second + (2 * T.Count)), b3 = T.Load(second + (3 * T.Count));
        T c0 = T.Load(third), c1 = T.Load(third + T.Count), c2 = T.Load(third + (2 * T.Count)), c3 = T.Load(third + (3 * T.Count));
        for (var i = 0; i < count; i++)
        {
            T v0 = T.Load(values), v1 = T.Load(values + T.Count), v2 = T.Load(values + (2 * T.Count)), v3 = T.Load(values + (3 * T.Count));
            var share = T.All(shares[i]);
            (a0, a1, a2, a3) = (T.Fma(share, v0, a0), T.Fma(share, v1, a1), T.Fma(share, v2, a2), T.Fma(share, v3, a3));
            share = T.All(shares[distance + i]);
            (b0, b1, b2, b3) = (T.Fma(share, v0, b0), T.Fma(share, v1, b1), T.Fma(share, v2, b2), T.Fma(share, v3, b3));
            share = T.All(shares[(2 * distance) + i]);
            (c0, c1, c2, c3) = (T.Fma(share, v0, c0), T.Fma(share, v1, c1), T.Fma(share, v2, c2), T.Fma(share, v3, c3));
            values += width;
        }
        Put(mixed, a0, a1, a2, a3);
        Put(second, b0, b1, b2, b3);
        Put(third, c0, c1, c2, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(float* shares, float* values, int width, int count, float* mixed)
    {
        T a0 = T.Load(mixed), a1 = T.Load(mixed + T.Count), a2 = T.Load(mixed + (2 * T.Count)), a3 = T.Load(mixed + (3 * T.Count));
        for (var i = 0; i < count; i++)
        {
            var share = T.All(shares[i]);
            a0 = T.Fma(share, T.Load(values), a0);
            a1 = T.Fma(share, T.Load(values + T.Count), a1);
            a2 = T.Fma(share, T.Load(values + (2 * T.Count)), a2);
            a3 = T.Fma(share, T.Load(values + (3 * T.Count)), a3);
            values += width;
        }
        Put(mixed, a0, a1, a2, a3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(float* shares, float* values, int width, int count, float* mixed)
    {
        var sum = T.Load(mixed);
        for (var i = 0; i < count; i++)
        {
            sum = T.Fma(T.All(shares[i]), T.Load(values), sum);
            values += width;
        }
        sum.Store(mixed);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rest(float* shares, float* values, int width, int count, float* mixed, int rest)
    {
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < rest; j++)
                mixed[j] = MathF.FusedMultiplyAdd(shares[i], values[j], mixed[j]);
            values += width;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* to, T a, T b, T c, T d)
    {
        a.Store(to);
        b.Store(to + T.Count);
        c.Store(to + (2 * T.Count));
        d.Store(to + (3 * T.Count));
    }
}
