using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Attention;

/// <summary>
/// Inner products of a group's queries with cached keys, which are read once for three queries, in whatever type they lie. Every product is
/// summed in sixteen lanes and then in one tree; what is over behind the last whole vector is added one by one, before.
/// </summary>
/// <typeparam name="T">Sixteen numbers.</typeparam>
/// <typeparam name="C">How the cache holds its numbers.</typeparam>
internal static unsafe class CachedScores<T, C> where T : unmanaged, ISimd<T> where C : unmanaged, ICachedNumbers
{
    // Bytes between what is read and what is asked for meanwhile: a page of keys or values.
    private const int Ahead = 4096;
    private const int Line = 64;

    // Keys of a tile.
    private const int Keys = 4;

    /// <summary>scores [heads, count] = queries [heads, w] with keys [count, w].</summary>
    /// <param name="queries">The first head's.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="keys">The first key.</param>
    /// <param name="scales">Its scale, where there are some.</param>
    /// <param name="width">Numbers of a key.</param>
    /// <param name="count">Keys.</param>
    /// <param name="scores">Receives the products.</param>
    /// <param name="distance">Distance of heads among them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Of(float* queries, int heads, byte* keys, float* scales, int width, int count, float* scores, nint distance)
    {
        var (whole, tiled) = (width / T.Count * T.Count, count / Keys * Keys);
        if (whole < width)
            Rest(queries, heads, keys, scales, width, count, scores, distance);
        for (var head = 0; head < heads;)
        {
            var many = Math.Min(3, heads - head);
            float* of = queries + (head * width), to = scores + (head * distance);
            if (many == 3)
                Three(of, keys, scales, width, whole, tiled, to, distance);
            else if (many == 2)
                Two(of, keys, scales, width, whole, tiled, to, distance);
            else
                One(of, keys, scales, width, whole, tiled, to);
            head += many;
        }
        for (var i = tiled; i < count; i++)
            for (var head = 0; head < heads; head++)
            {
                var sum = T.Zero;
                float* query = queries + (head * width), to = scores + (head * distance) + i;
                for (var k = 0; k < whole; k += T.Count)
                    sum = T.Fma(C.Load<T>(keys + (((i * (nint)width) + k) * C.Size), scales + i), T.Load(query + k), sum);
                *to = whole < width ? *to + sum.Sum() : sum.Sum();
            }
    }

    /// <summary>Asks for what lies some way behind, so that it has come when it is read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Nearer(byte* from, nint bytes)
    {
        if (Sse.IsSupported)
            for (nint i = 0; i < bytes; i += Line)
                Sse.Prefetch0(from + Ahead + i);
    }

    private static void Rest(float* queries, int heads, byte* keys, float* scales, int width, int count, float* scores, nint distance)
    {
        for (var head = 0; head < heads; head++, queries += width, scores += distance)
            for (var i = 0; i < count; i++)
            {
                var sum = 0f;
                for (var k = width / T.Count * T.Count; k < width; k++)
                    sum = MathF.FusedMultiplyAdd(C.Number(keys + (((i * (nint)width) + k) * C.Size), scales + i), queries[k], sum);
                scores[i] = sum;
            }
    }

    // These call nothing, so that sums stay in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Three(float* x, byte* keys, float* scales, nint width, nint whole, int count, float* to, nint distance)
    {
        var (line, adds) = (width * C.Size, whole < width);
        for (var i = 0; i < count; i += Keys, keys += Keys * line, scales += Keys, to += Keys)
        {
            T a0 = T.Zero, a1 = T.Zero, a2 = T.Zero, a3 = T.Zero;
            T b0 = T.Zero, b1 = T.Zero, b2 = T.Zero, b3 = T.Zero;
            T c0 = T.Zero, c1 = T.Zero, c2 = T.Zero, c3 = T.Zero;
            Nearer(keys, Keys * line);
            for (nint k = 0; k < whole; k += T.Count)
            {
                var key = keys + (k * C.Size);
                T k0 = C.Load<T>(key, scales), k1 = C.Load<T>(key + line, scales + 1);
                T k2 = C.Load<T>(key + (2 * line), scales + 2), k3 = C.Load<T>(key + (3 * line), scales + 3);
                var v = T.Load(x + k);
                (a0, a1, a2, a3) = (T.Fma(k0, v, a0), T.Fma(k1, v, a1), T.Fma(k2, v, a2), T.Fma(k3, v, a3));
                v = T.Load(x + width + k);
                (b0, b1, b2, b3) = (T.Fma(k0, v, b0), T.Fma(k1, v, b1), T.Fma(k2, v, b2), T.Fma(k3, v, b3));
                v = T.Load(x + (2 * width) + k);
                (c0, c1, c2, c3) = (T.Fma(k0, v, c0), T.Fma(k1, v, c1), T.Fma(k2, v, c2), T.Fma(k3, v, c3));
            }
            T.Sums(a0, a1, a2, a3, to, adds);
            T.Sums(b0, b1, b2, b3, to + distance, adds);
            T.Sums(c0, c1, c2, c3, to + (2 * distance), adds);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two(float* x, byte* keys, float* scales, nint width, nint whole, int count, float* to, nint distance)
    {
        var (line, adds) = (width * C.Size, whole < width);
        for (var i = 0; i < count; i += Keys, keys += Keys * line, scales += Keys, to += Keys)
        {
            T a0 = T.Zero, a1 = T.Zero, a2 = T.Zero, a3 = T.Zero;
            T b0 = T.Zero, b1 = T.Zero, b2 = T.Zero, b3 = T.Zero;
            Nearer(keys, Keys * line);
            for (nint k = 0; k < whole; k += T.Count)
            {
                var key = keys + (k * C.Size);
                T k0 = C.Load<T>(key, scales), k1 = C.Load<T>(key + line, scales + 1);
                T k2 = C.Load<T>(key + (2 * line), scales + 2), k3 = C.Load<T>(key + (3 * line), scales + 3);
                var v = T.Load(x + k);
                (a0, a1, a2, a3) = (T.Fma(k0, v, a0), T.Fma(k1, v, a1), T.Fma(k2, v, a2), T.Fma(k3, v, a3));
                v = T.Load(x + width + k);
                (b0, b1, b2, b3) = (T.Fma(k0, v, b0), T.Fma(k1, v, b1), T.Fma(k2, v, b2), T.Fma(k3, v, b3));
            }
            T.Sums(a0, a1, a2, a3, to, adds);
            T.Sums(b0, b1, b2, b3, to + distance, adds);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(float* x, byte* keys, float* scales, nint width, nint whole, int count, float* to)
    {
        var (line, adds) = (width * C.Size, whole < width);
        for (var i = 0; i < count; i += Keys, keys += Keys * line, scales += Keys, to += Keys)
        {
            T a0 = T.Zero, a1 = T.Zero, a2 = T.Zero, a3 = T.Zero;
            Nearer(keys, Keys * line);
            for (nint k = 0; k < whole; k += T.Count)
            {
                var key = keys + (k * C.Size);
                var v = T.Load(x + k);
                a0 = T.Fma(C.Load<T>(key, scales), v, a0);
                a1 = T.Fma(C.Load<T>(key + line, scales + 1), v, a1);
                a2 = T.Fma(C.Load<T>(key + (2 * line), scales + 2), v, a2);
                a3 = T.Fma(C.Load<T>(key + (3 * line), scales + 3), v, a3);
            }
            T.Sums(a0, a1, a2, a3, to, adds);
        }
    }
}
