using System.Runtime.CompilerServices;

namespace G2RL.Onnx.Execution.Kernels.Simd;

/// <summary>Functions of several numbers at once, and what is over at the end of a row.</summary>
internal static unsafe class SimdMath
{
    /// <summary>The smallest exponent whose power is a normal number: below it, results are e^-87.</summary>
    public const float Lowest = -87.33654f;

    /// <summary>e^x within two units in the last place for x from <see cref="Lowest"/> to 88; limited to that range.</summary>
    /// <remarks>x = n ln 2 + r, ln 2 in two parts; e^r by a polynomial of degree 7. Source: Cephes, expf.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x) where T : unmanaged, ISimd<T>
    {
        // In this order what is not a number stays that.
        x = T.Min(T.All(88f), T.Max(T.All(Lowest), x));
        var n = T.Round(x * T.All(1.44269504f));
        var r = T.Fma(n, T.All(-0.693359375f), x);
        r = T.Fma(n, T.All(2.12194440e-4f), r);
        var p = T.Fma(T.All(1.9875691500e-4f), r, T.All(1.3981999507e-3f));
        p = T.Fma(p, r, T.All(8.3334519073e-3f));
        p = T.Fma(p, r, T.All(4.1665795894e-2f));
        p = T.Fma(p, r, T.All(1.6666665459e-1f));
        p = T.Fma(p, r, T.All(5.0000001201e-1f));
        return T.Scale(T.Fma(p, r * r, r + T.All(1f)), n);
    }

    /// <summary>1 / (1 + e^-x)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x) where T : unmanaged, ISimd<T> => T.All(1f) / (T.All(1f) + Exp(T.Zero - x));

    /// <summary>Hyperbolic tangent within 3e-7 of itself.</summary>
    /// <remarks>1 - 2 / (e^2x + 1), and near zero, where that cancels, an odd polynomial. Source: Cephes, tanhf.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x) where T : unmanaged, ISimd<T>
    {
        var square = x * x;
        var p = T.Fma(T.All(-5.70498872745e-3f), square, T.All(2.06390887954e-2f));
        p = T.Fma(p, square, T.All(-5.37397155531e-2f));
        p = T.Fma(p, square, T.All(1.33314422036e-1f));
        p = T.Fma(p, square, T.All(-3.33332819422e-1f));
        var near = T.Fma(p * square, x, x);
        var far = T.All(1f) - (T.All(2f) / (Exp(x + x) + T.All(1f)));
        return T.Choose(T.Abs(x), T.All(0.625f), near, far);
    }

    /// <summary>The first <paramref name="count"/> numbers, then zeros; fewer than a whole vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static T LoadPart<T>(float* from, int count) where T : unmanaged, ISimd<T>
    {
        var part = stackalloc float[T.Count];
        new Span<float>(part, T.Count).Clear();
        for (var i = 0; i < count; i++)
            part[i] = from[i];
        return T.Load(part);
    }

    /// <summary>Writes the first <paramref name="count"/> numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StorePart<T>(T value, float* to, int count) where T : unmanaged, ISimd<T>
    {
        var part = stackalloc float[T.Count];
        value.Store(part);
        for (var i = 0; i < count; i++)
            to[i] = part[i];
    }
}
