using System.Runtime.CompilerServices;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels.Attention;

/// <summary>How a cache holds keys and values: what attention writes there, and what it reads again.</summary>
internal unsafe interface ICachedNumbers
{
    /// <summary>Bytes of a number.</summary>
    static abstract int Size { get; }

    /// <summary>Whether every key and value has a number of its own that the others are multiplied by.</summary>
    static abstract bool HasScales { get; }

    /// <summary>A head's new key or value into its place, zeros behind the head's width.</summary>
    /// <typeparam name="T">Sixteen numbers.</typeparam>
    /// <param name="from">Its numbers.</param>
    /// <param name="width">How many.</param>
    /// <param name="to">The place.</param>
    /// <param name="cacheWidth">Numbers of the place.</param>
    /// <param name="scale">Receives the scale where there is one.</param>
    static abstract void Write<T>(float* from, int width, byte* to, int cacheWidth, float* scale) where T : unmanaged, ISimd<T>;

    /// <summary>As many numbers of a key or value as a vector has, in float32.</summary>
    /// <typeparam name="T">Sixteen numbers.</typeparam>
    /// <param name="from">The first one.</param>
    /// <param name="scale">The key's or value's scale, where there is one.</param>
    static abstract T Load<T>(byte* from, float* scale) where T : unmanaged, ISimd<T>;

    /// <summary>One number.</summary>
    static abstract float Number(byte* from, float* scale);
}

/// <summary>float32, as they were computed.</summary>
internal readonly unsafe struct FloatNumbers : ICachedNumbers
{
    public static int Size => sizeof(float);

    public static bool HasScales => false;

    public static void Write<T>(float* from, int width, byte* to, int cacheWidth, float* scale) where T : unmanaged, ISimd<T>
    {
        new ReadOnlySpan<float>(from, width).CopyTo(new Span<float>(to, width));
        if (cacheWidth > width)
            new Span<float>((float*)to + width, cacheWidth - width).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(byte* from, float* scale) where T : unmanaged, ISimd<T> => T.Load((float*)from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Number(byte* from, float* scale) => *(float*)from;
}

/// <summary>bfloat16: the nearest number with 8 bits of mantissa, the even one of two.</summary>
internal readonly unsafe struct BFloat16Numbers : ICachedNumbers
{
    public static int Size => sizeof(ushort);

    public static bool HasScales => false;

    public static void Write<T>(float* from, int width, byte* to, int cacheWidth, float* scale) where T : unmanaged, ISimd<T>
    {
        FloatConversion.FromFloats(SafeTensorsDtype.BF16, new ReadOnlySpan<float>(from, width), new Span<byte>(to, width * Size));
        if (cacheWidth > width)
            new Span<ushort>((ushort*)to + width, cacheWidth - width).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(byte* from, float* scale) where T : unmanaged, ISimd<T> => T.Widen((ushort*)from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Number(byte* from, float* scale) => BitConverter.UInt32BitsToSingle((uint)*(ushort*)from << 16);
}

/// <summary>
/// Whole numbers q from -127 to 127 and a scale s of each key or value, the largest of its magnitudes over 127: x is about q s, 0 stays 0.
/// What is not finite makes the scale so, and is then no number when it is read.
/// </summary>
internal readonly unsafe struct Int8Numbers : ICachedNumbers
{
    public static int Size => sizeof(sbyte);

    public static bool HasScales => true;

    public static void Write<T>(float* from, int width, byte* to, int cacheWidth, float* scale) where T : unmanaged, ISimd<T>
    {
        // Zero of what is finite, else no number.
        var (largest, nothing, whole) = (T.Zero, T.Zero, width / T.Count * T.Count);
        for (var i = 0; i < whole; i += T.Count)
        {
            var x = T.Load(from + i);
            (largest, nothing) = (T.Max(largest, T.Abs(x)), T.Fma(x, T.Zero, nothing));
        }
        var (most, none) = (largest.Largest(), nothing.Sum());
        for (var i = whole; i < width; i++)
            (most, none) = (MathF.Max(most, MathF.Abs(from[i])), none + (from[i] * 0));
        *scale = (most / 127) + none;
        if (!(*scale > 0))
        {
            new Span<byte>(to, cacheWidth).Clear();
            return;
        }
        var numbers = stackalloc float[T.Count];
        var (by, last) = (T.All(*scale), T.All(127f));
        for (var i = 0; i < whole; i += T.Count)
        {
            T.Max(T.Zero - last, T.Min(last, T.Round(T.Load(from + i) / by))).Store(numbers);
            for (var j = 0; j < T.Count; j++)
                ((sbyte*)to)[i + j] = (sbyte)numbers[j];
        }
        for (var i = whole; i < width; i++)
            ((sbyte*)to)[i] = (sbyte)Math.Clamp(MathF.Round(from[i] / *scale), -127, 127);
        for (var i = width; i < cacheWidth; i++)
            to[i] = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(byte* from, float* scale) where T : unmanaged, ISimd<T> => T.Widen((sbyte*)from) * T.All(*scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Number(byte* from, float* scale) => *(sbyte*)from * *scale;
}
