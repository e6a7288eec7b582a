using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Attention;

/// <summary>
/// Cached values weighted by the shares of several heads at once, so that a value is read once for three heads, in whatever type it lies.
/// Every number is one chain of fused multiply-adds in the order of the positions.
/// </summary>
/// <typeparam name="T">Sixteen numbers.</typeparam>
/// <typeparam name="C">How the cache holds its numbers.</typeparam>
internal static unsafe class Mixture<T, C> where T : unmanaged, ISimd<T> where C : unmanaged, ICachedNumbers
{
    /// <summary>mixed [heads, w] += shares [heads, count] values [count, w].</summary>
    /// <param name="shares">The first head's.</param>
    /// <param name="distance">Distance of heads among the shares.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="values">The first value.</param>
    /// <param name="scales">Its scale, where there are some.</param>
    /// <param name="width">Numbers of a value.</param>
    /// <param name="count">Values.</param>
    /// <param name="mixed">The sums; those behind a head's width are not touched.</param>
    /// <param name="line">Distance of heads among the sums.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(
        float* shares,
        nint distance,
        int heads,
        byte* values,
        float* scales,
        int width,
        int count,
        float* mixed,
        nint line)
    {
        var column = 0;
        for (; column + (4 * T.Count) <= width; column += 4 * T.Count)
            for (var head = 0; head < heads;)
            {
                var many = Math.Min(3, heads - head);
                float* of = shares + (head * distance), to = mixed + (head * line) + column;
                var from = values + (column * C.Size);
                if (many == 3)
                    Three(of, distance, from, scales, width, count, to, line);
                else if (many == 2)
                    Two(of, distance, from, scales, width, count, to, line);
                else
                    One(of, from, scales, width, count, to);
                head += many;
            }
        for (; column + T.Count <= width; column += T.Count)
            for (var head = 0; head < heads; head++)
                Narrow(shares + (head * distance), values + (column * C.Size), scales, width, count, mixed + (head * line) + column);
        if (column < width)
            for (var head = 0; head < heads; head++)
                Rest(
                    shares + (head * distance),
                    values + (column * C.Size),
                    scales,
                    width,
                    count,
                    mixed + (head * line) + column,
                    width - column);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Three(float* shares, nint distance, byte* values, float* scales, nint width, int count, float* mixed, nint line)
    {
        float* second = mixed + line, third = second + line;
        T a0 = T.Load(mixed), a1 = T.Load(mixed + T.Count), a2 = T.Load(mixed + (2 * T.Count)), a3 = T.Load(mixed + (3 * T.Count));
        T b0 = T.Load(second), b1 = T.Load(second + T.Count), b2 = T.Load(second + (2 * T.Count)), b3 = T.Load(second + (3 * T.Count));
        T c0 = T.Load(third), c1 = T.Load(third + T.Count), c2 = T.Load(third + (2 * T.Count)), c3 = T.Load(third + (3 * T.Count));
        for (var i = 0; i < count; i++, values += width * C.Size, scales++)
        {
            CachedScores<T, C>.Nearer(values, 4 * T.Count * C.Size);
            T v0 = Value(values, 0, scales), v1 = Value(values, 1, scales), v2 = Value(values, 2, scales), v3 = Value(values, 3, scales);
            var share = T.All(shares[i]);
            (a0, a1, a2, a3) = (T.Fma(share, v0, a0), T.Fma(share, v1, a1), T.Fma(share, v2, a2), T.Fma(share, v3, a3));
            share = T.All(shares[distance + i]);
            (b0, b1, b2, b3) = (T.Fma(share, v0, b0), T.Fma(share, v1, b1), T.Fma(share, v2, b2), T.Fma(share, v3, b3));
            share = T.All(shares[(2 * distance) + i]);
            (c0, c1, c2, c3) = (T.Fma(share, v0, c0), T.Fma(share, v1, c1), T.Fma(share, v2, c2), T.Fma(share, v3, c3));
        }
        Put(mixed, a0, a1, a2, a3);
        Put(second, b0, b1, b2, b3);
        Put(third, c0, c1, c2, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two(float* shares, nint distance, byte* values, float* scales, nint width, int count, float* mixed, nint line)
    {
        float* second = mixed + line;
        T a0 = T.Load(mixed), a1 = T.Load(mixed + T.Count), a2 = T.Load(mixed + (2 * T.Count)), a3 = T.Load(mixed + (3 * T.Count));
        T b0 = T.Load(second), b1 = T.Load(second + T.Count), b2 = T.Load(second + (2 * T.Count)), b3 = T.Load(second + (3 * T.Count));
        for (var i = 0; i < count; i++, values += width * C.Size, scales++)
        {
            CachedScores<T, C>.Nearer(values, 4 * T.Count * C.Size);
            T v0 = Value(values, 0, scales), v1 = Value(values, 1, scales), v2 = Value(values, 2, scales), v3 = Value(values, 3, scales);
            var share = T.All(shares[i]);
            (a0, a1, a2, a3) = (T.Fma(share, v0, a0), T.Fma(share, v1, a1), T.Fma(share, v2, a2), T.Fma(share, v3, a3));
            share = T.All(shares[distance + i]);
            (b0, b1, b2, b3) = (T.Fma(share, v0, b0), T.Fma(share, v1, b1), T.Fma(share, v2, b2), T.Fma(share, v3, b3));
        }
        Put(mixed, a0, a1, a2, a3);
        Put(second, b0, b1, b2, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(float* shares, byte* values, float* scales, nint width, int count, float* mixed)
    {
        T a0 = T.Load(mixed), a1 = T.Load(mixed + T.Count), a2 = T.Load(mixed + (2 * T.Count)), a3 = T.Load(mixed + (3 * T.Count));
        for (var i = 0; i < count; i++, values += width * C.Size, scales++)
        {
            CachedScores<T, C>.Nearer(values, 4 * T.Count * C.Size);
            var share = T.All(shares[i]);
            a0 = T.Fma(share, Value(values, 0, scales), a0);
            a1 = T.Fma(share, Value(values, 1, scales), a1);
            a2 = T.Fma(share, Value(values, 2, scales), a2);
            a3 = T.Fma(share, Value(values, 3, scales), a3);
        }
        Put(mixed, a0, a1, a2, a3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(float* shares, byte* values, float* scales, nint width, int count, float* mixed)
    {
        var sum = T.Load(mixed);
        for (var i = 0; i < count; i++, values += width * C.Size)
            sum = T.Fma(T.All(shares[i]), C.Load<T>(values, scales + i), sum);
        sum.Store(mixed);
    }

    private static void Rest(float* shares, byte* values, float* scales, nint width, int count, float* mixed, int rest)
    {
        for (var i = 0; i < count; i++, values += width * C.Size)
            for (var j = 0; j < rest; j++)
                mixed[j] = MathF.FusedMultiplyAdd(shares[i], C.Number(values + (j * C.Size), scales + i), mixed[j]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Value(byte* values, int vector, float* scale) => C.Load<T>(values + (vector * T.Count * C.Size), scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* to, T a, T b, T c, T d)
    {
        a.Store(to);
        b.Store(to + T.Count);
        c.Store(to + (2 * T.Count));
        d.Store(to + (3 * T.Count));
    }
}
