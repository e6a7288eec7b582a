namespace G2RL.Onnx.Execution.Kernels.Simd;

/// <summary>
/// float32 numbers that one instruction, or a fixed number of them, works on. Every operation is exact to the last bit on every processor:
/// a fused multiply-add rounds once wherever it runs, and <see cref="Sum"/> adds in one fixed tree.
/// </summary>
/// <remarks>
/// A kernel that sums does it in sixteen lanes whatever the processor has: <see cref="Simd512"/>, two of <see cref="Simd256"/> or four of
/// <see cref="Simd128"/> (<see cref="SimdPair{T}"/>) then give the same bits.
/// </remarks>
internal unsafe interface ISimd<T> where T : unmanaged, ISimd<T>
{
    /// <summary>How many numbers.</summary>
    static abstract int Count { get; }

    /// <summary>Zeros.</summary>
    static abstract T Zero { get; }

    /// <summary>Numbers from memory, aligned or not.</summary>
    static abstract T Load(float* from);

    /// <summary>Numbers of bfloat16, widened.</summary>
    static abstract T Widen(ushort* from);

    /// <summary>Whole numbers of 8 bits, widened.</summary>
    static abstract T Widen(sbyte* from);

    /// <summary>Numbers into memory.</summary>
    void Store(float* to);

    /// <summary>One number everywhere.</summary>
    static abstract T All(float value);

    static abstract T operator +(T a, T b);

    static abstract T operator -(T a, T b);

    static abstract T operator *(T a, T b);

    static abstract T operator /(T a, T b);

    /// <summary>a b + c, rounded once.</summary>
    static abstract T Fma(T a, T b, T c);

    /// <summary>The larger; b where one is not a number.</summary>
    static abstract T Max(T a, T b);

    /// <summary>The smaller; b where one is not a number.</summary>
    static abstract T Min(T a, T b);

    /// <summary>|a|</summary>
    static abstract T Abs(T a);

    /// <summary>The nearest whole number, the even one of two.</summary>
    static abstract T Round(T a);

    /// <summary>a 2^n for whole n from -126 to 127.</summary>
    static abstract T Scale(T a, T n);

    /// <summary>a where x is smaller than y, else b.</summary>
    static abstract T Choose(T x, T y, T a, T b);

    /// <summary>The sum of all, halves first.</summary>
    float Sum();

    /// <summary><see cref="Sum"/> of four at once, side by side in memory, or added to what is there.</summary>
    static abstract void Sums(T a, T b, T c, T d, float* to, bool add);

    /// <summary>The largest of all.</summary>
    float Largest();
}
