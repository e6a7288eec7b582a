using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace G2RL.Onnx.Execution.Kernels.Simd;

/// <summary>Sixteen numbers in 512 bits.</summary>
internal readonly unsafe struct Simd512(Vector512<float> value) : ISimd<Simd512>
{
    private readonly Vector512<float> value = value;

    public static int Count => 16;

    public static Simd512 Zero => new(Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Load(float* from) => new(Vector512.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Widen(ushort* from) => new(Vector512.ShiftLeft(
        Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(Vector256.Load(from)).AsUInt32()
            : Vector512.WidenLower(Vector256.Load(from).ToVector512Unsafe()),
        16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Widen(sbyte* from) => new(Vector512.ConvertToSingle(Avx512F.IsSupported
        ? Avx512F.ConvertToVector512Int32(Vector128.Load(from))
        : Vector512.WidenLower(Vector256.WidenLower(Vector128.Load(from).ToVector256Unsafe()).ToVector512Unsafe())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* to) => value.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 All(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator +(Simd512 a, Simd512 b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator -(Simd512 a, Simd512 b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator *(Simd512 a, Simd512 b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 operator /(Simd512 a, Simd512 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Fma(Simd512 a, Simd512 b, Simd512 c) => new(Vector512.FusedMultiplyAdd(a.value, b.value, c.value));

    // Chosen by a comparison: what "Max" makes of zeros and of what is not a number differs between processors.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Max(Simd512 a, Simd512 b) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a.value, b.value), a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Min(Simd512 a, Simd512 b) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(a.value, b.value), a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Abs(Simd512 a) => new(Vector512.Abs(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Round(Simd512 a) => new(Vector512.Round(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Scale(Simd512 a, Simd512 n) =>
        new(a.value * Vector512.ShiftLeft(Vector512.ConvertToInt32Native(n.value) + Vector512.Create(127), 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd512 Choose(Simd512 x, Simd512 y, Simd512 a, Simd512 b) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(x.value, y.value), a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Sum() => new Simd256(value.GetLower() + value.GetUpper()).Sum();

    // Of all four at once, in the order of Sum: halves, quarters, then within the quarters.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sums(Simd512 a, Simd512 b, Simd512 c, Simd512 d, float* to, bool add)
    {
        if (!Avx512F.IsSupported)
        {
            Simd256.Sums(a.Halves(), b.Halves(), c.Halves(), d.Halves(), to, add);
            return;
        }
        var ab = Avx512F.Shuffle4x128(a.value, b.value, 0b01_00_01_00) + Avx512F.Shuffle4x128(a.value, b.value, 0b11_10_11_10);
        var cd = Avx512F.Shuffle4x128(c.value, d.value, 0b01_00_01_00) + Avx512F.Shuffle4x128(c.value, d.value, 0b11_10_11_10);
        var all = Avx512F.Shuffle4x128(ab, cd, 0b10_00_10_00) + Avx512F.Shuffle4x128(ab, cd, 0b11_01_11_01);
        all += Avx512F.Permute4x32(all, 0b01_00_11_10);
        all += Avx512F.Permute4x32(all, 0b10_11_00_01);
        var firsts = Vector512.Create(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
        var sums = Avx512F.PermuteVar16x32(all, firsts).GetLower().GetLower();
        (add ? Vector128.Load(to) + sums : sums).Store(to);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Simd256 Halves() => new(value.GetLower() + value.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Largest() => Simd256.Max(new(value.GetLower()), new(value.GetUpper())).Largest();
}
