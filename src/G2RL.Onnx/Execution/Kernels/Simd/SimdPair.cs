using System.Runtime.CompilerServices;

namespace G2RL.Onnx.Execution.Kernels.Simd;

/// <summary>Twice as many numbers, the first half in front.</summary>
internal readonly unsafe struct SimdPair<T>(T first, T second) : ISimd<SimdPair<T>> where T : unmanaged, ISimd<T>
{
    private readonly T first = first;
    private readonly T second = second;

    public static int Count => 2 * T.Count;

    public static SimdPair<T> Zero => new(T.Zero, T.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Load(float* from) => new(T.Load(from), T.Load(from + T.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Widen(ushort* from) => new(T.Widen(from), T.Widen(from + T.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Widen(sbyte* from) => new(T.Widen(from), T.Widen(from + T.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* to)
    {
        first.Store(to);
        second.Store(to + T.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> All(float value) => new(T.All(value), T.All(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> operator +(SimdPair<T> a, SimdPair<T> b) => new(a.first + b.first, a.second + b.second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> operator -(SimdPair<T> a, SimdPair<T> b) => new(a.first - b.first, a.second - b.second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> operator *(SimdPair<T> a, SimdPair<T> b) => new(a.first * b.first, a.second * b.second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> operator /(SimdPair<T> a, SimdPair<T> b) => new(a.first / b.first, a.second / b.second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Fma(SimdPair<T> a, SimdPair<T> b, SimdPair<T> c) =>
        new(T.Fma(a.first, b.first, c.first), T.Fma(a.second, b.second, c.second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Max(SimdPair<T> a, SimdPair<T> b) => new(T.Max(a.first, b.first), T.Max(a.second, b.second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Min(SimdPair<T> a, SimdPair<T> b) => new(T.Min(a.first, b.first), T.Min(a.second, b.second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Abs(SimdPair<T> a) => new(T.Abs(a.first), T.Abs(a.second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Round(SimdPair<T> a) => new(T.Round(a.first), T.Round(a.second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Scale(SimdPair<T> a, SimdPair<T> n) => new(T.Scale(a.first, n.first), T.Scale(a.second, n.second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdPair<T> Choose(SimdPair<T> x, SimdPair<T> y, SimdPair<T> a, SimdPair<T> b) =>
        new(T.Choose(x.first, y.first, a.first, b.first), T.Choose(x.second, y.second, a.second, b.second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => (first + second).Sum();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums(SimdPair<T> a, SimdPair<T> b, SimdPair<T> c, SimdPair<T> d, float* to, bool add) =>
        T.Sums(a.first + a.second, b.first + b.second, c.first + c.second, d.first + d.second, to, add);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Largest() => T.Max(first, second).Largest();
}
