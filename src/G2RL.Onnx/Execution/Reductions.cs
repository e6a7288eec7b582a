using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace G2RL.Onnx.Execution;

/// <summary>
/// Sums of float32 numbers in double, number i in lane i mod 16 on every machine: the result depends on the numbers alone, not on where
/// they lie in memory nor on the width of the vector unit.
/// </summary>
/// <remarks>
/// The library's vectorised sums group by memory alignment, so their last bits change when the garbage collector moves an array.
/// </remarks>
internal static class Reductions
{
    private const int Lanes = 16;

    /// <summary>sum_i x_i; 0 when empty.</summary>
    public static double Sum(ReadOnlySpan<float> x)
    {
        var (s0, s1, s2, s3) = (Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero);
        ref var start = ref MemoryMarshal.GetReference(x);
        var i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            var (a0, a1) = Vector256.Widen(Vector256.LoadUnsafe(ref start, (nuint)i));
            var (a2, a3) = Vector256.Widen(Vector256.LoadUnsafe(ref start, (nuint)i + 8));
            (s0, s1, s2, s3) = (s0 + a0, s1 + a1, s2 + a2, s3 + a3);
        }
        var sum = Add((s0 + s1) + (s2 + s3));
        for (; i < x.Length; i++)
            sum += x[i];
        return sum;
    }

    /// <summary>sum_i x_i y_i; the products of two float32 numbers are exact in double. 0 when empty.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        if (x.Length != y.Length)
            throw new ArgumentException($"{x.Length} and {y.Length} numbers have no inner product.", nameof(y));
        var (s0, s1, s2, s3) = (Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero);
        ref var left = ref MemoryMarshal.GetReference(x);
        ref var right = ref MemoryMarshal.GetReference(y);
        var i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            var (a0, a1) = Vector256.Widen(Vector256.LoadUnsafe(ref left, (nuint)i));
            var (a2, a3) = Vector256.Widen(Vector256.LoadUnsafe(ref left, (nuint)i + 8));
            var (b0, b1) = Vector256.Widen(Vector256.LoadUnsafe(ref right, (nuint)i));
            var (b2, b3) = Vector256.Widen(Vector256.LoadUnsafe(ref right, (nuint)i + 8));
            (s0, s1, s2, s3) = (s0 + (a0 * b0), s1 + (a1 * b1), s2 + (a2 * b2), s3 + (a3 * b3));
        }
        var sum = Add((s0 + s1) + (s2 + s3));
        for (; i < x.Length; i++)
            sum += (double)x[i] * y[i];
        return sum;
    }

    /// <summary>The largest number and the largest magnitude; no numbers where one of them is none, -infinity and 0 when empty.</summary>
    public static (float Number, float Magnitude) Largest(ReadOnlySpan<float> x)
    {
        var (most, far, fine) = (new Vector<float>(float.NegativeInfinity), Vector<float>.Zero, Vector<int>.AllBitsSet);
        var i = 0;
        for (; i <= x.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var v = new Vector<float>(x[i..]);
            fine &= Vector.Equals(v, v);
            (most, far) = (Vector.MaxNative(most, v), Vector.MaxNative(far, Vector.Abs(v)));
        }
        var (number, magnitude) = (float.NegativeInfinity, 0f);
        for (var lane = 0; lane < Vector<float>.Count; lane++)
            (number, magnitude) = (MathF.Max(number, most[lane]), MathF.Max(magnitude, far[lane]));
        for (; i < x.Length; i++)
            (number, magnitude) = (MathF.Max(number, x[i]), MathF.Max(magnitude, MathF.Abs(x[i])));
        return Vector.EqualsAll(fine, Vector<int>.AllBitsSet) ? (number, magnitude) : (float.NaN, float.NaN);
    }

    /// <summary><see cref="Sum"/> of x and <see cref="Dot"/> of both, to the same bits.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static (double Sum, double Dot) SumAndDot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        if (!Vector512.IsHardwareAccelerated || x.Length != y.Length)
            return (Sum(x), Dot(x, y));
        var (low, high, lowDot, highDot) = (Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero, Vector512<double>.Zero);
        ref var left = ref MemoryMarshal.GetReference(x);
        ref var right = ref MemoryMarshal.GetReference(y);
        var i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            var (a, b) = Vector512.Widen(Vector512.LoadUnsafe(ref left, (nuint)i));
            var (c, d) = Vector512.Widen(Vector512.LoadUnsafe(ref right, (nuint)i));
            (low, high, lowDot, highDot) = (low + a, high + b, lowDot + (a * c), highDot + (b * d));
        }
        var (sum, dot) = (Add(Fold(low) + Fold(high)), Add(Fold(lowDot) + Fold(highDot)));
        for (; i < x.Length; i++)
            (sum, dot) = (sum + x[i], dot + ((double)x[i] * y[i]));
        return (sum, dot);
    }

    private static Vector256<double> Fold(Vector512<double> v) => v.GetLower() + v.GetUpper();

    private static double Add(Vector256<double> v) => (v[0] + v[1]) + (v[2] + v[3]);
}
