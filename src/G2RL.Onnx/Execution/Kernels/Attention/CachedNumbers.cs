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

    /// <summary>
    /// Keys or values that are widened at once, so few that they stay in the nearest cache; a whole block where they are read as they lie.
    /// </summary>
    static abstract int RowsAtOnce { get; }

    /// <summary>A head's new key or value into its place, zeros behind the head's width.</summary>
    /// <param name="from">Its numbers.</param>
    /// <param name="width">How many.</param>
    /// <param name="to">The place.</param>
    /// <param name="cacheWidth">Numbers of the place.</param>
    /// <param name="scale">Receives the scale where there is one.</param>
    static abstract void Write(float* from, int width, byte* to, int cacheWidth, float* scale);

    /// <summary>Keys or values in float32: where they lie, or in <paramref name="room"/>.</summary>
    /// <typeparam name="T">Sixteen numbers.</typeparam>
    /// <param name="from">The first one.</param>
    /// <param name="scales">Their scales.</param>
    /// <param name="rows">How many.</param>
    /// <param name="width">Numbers of each.</param>
    /// <param name="room">Memory for <see cref="RowsAtOnce"/> of them.</param>
    static abstract float* Read<T>(byte* from, float* scales, int rows, int width, float* room) where T : unmanaged, ISimd<T>;
}

/// <summary>float32, as they were computed.</summary>
internal readonly unsafe struct FloatNumbers : ICachedNumbers
{
    public static int Size => sizeof(float);

    public static bool HasScales => false;

    public static int RowsAtOnce => CacheState.Block;

    public static void Write(float* from, int width, byte* to, int cacheWidth, float* scale)
    {
        new ReadOnlySpan<float>(from, width).CopyTo(new Span<float>(to, width));
        if (cacheWidth > width)
            new Span<float>((float*)to + width, cacheWidth - width).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Read<T>(byte* from, float* scales, int rows, int width, float* room) where T : unmanaged, ISimd<T> => (float*)from;
}

/// <summary>bfloat16: the nearest number with 8 bits of mantissa, the even one of two.</summary>
internal readonly unsafe struct BFloat16Numbers : ICachedNumbers
{
    public static int Size => sizeof(ushort);

    public static bool HasScales => false;

    public static int RowsAtOnce => 32;

    public static void Write(float* from, int width, byte* to, int cacheWidth, float* scale)
    {
        FloatConversion.FromFloats(SafeTensorsDtype.BF16, new ReadOnlySpan<float>(from, width), new Span<byte>(to, width * Size));
        if (cacheWidth > width)
            new Span<ushort>((ushort*)to + width, cacheWidth - width).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float* Read<T>(byte* from, float* scales, int rows, int width, float* room) where T : unmanaged, ISimd<T>
    {
        var numbers = (ushort*)from;
        var (count, i) = (rows * width, 0);
        for (; i + T.Count <= count; i += T.Count)
            T.Widen(numbers + i).Store(room + i);
        for (; i < count; i++)
            room[i] = BitConverter.UInt32BitsToSingle((uint)numbers[i] << 16);
        return room;
    }
}

/// <summary>
/// Whole numbers q from -127 to 127 and a scale s of each key or value, the largest of its magnitudes over 127: x is about q s, 0 stays 0.
/// What is not finite makes the scale so, and is then no number when it is read.
/// </summary>
internal readonly unsafe struct Int8Numbers : ICachedNumbers
{
    public static int Size => sizeof(sbyte);

    public static bool HasScales => true;

    public static int RowsAtOnce => 32;

    public static void Write(float* from, int width, byte* to, int cacheWidth, float* scale)
    {
        var largest = 0f;
        for (var i = 0; i < width; i++)
            largest = MathF.Max(largest, MathF.Abs(from[i]));
        *scale = largest / 127;
        for (var i = 0; i < width; i++)
            ((sbyte*)to)[i] = *scale > 0 ? (sbyte)Math.Clamp(MathF.Round(from[i] / *scale), -127, 127) : (sbyte)0;
        for (var i = width; i < cacheWidth; i++)
            to[i] = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float* Read<T>(byte* from, float* scales, int rows, int width, float* room) where T : unmanaged, ISimd<T>
    {
        for (var row = 0; row < rows; row++)
        {
            sbyte* numbers = (sbyte*)from + (row * width);
            float* to = room + (row * width);
            var (scale, i) = (T.All(scales[row]), 0);
            for (; i + T.Count <= width; i += T.Count)
                (T.Widen(numbers + i) * scale).Store(to + i);
            for (; i < width; i++)
                to[i] = numbers[i] * scales[row];
        }
        return room;
    }
}
