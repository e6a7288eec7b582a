namespace G2RL.Onnx.Cuda;

/// <summary>
/// One parameter of a launch: its bits and its width, since the driver reads exactly as many bytes as the kernel declares.
/// </summary>
/// <param name="Bits">The value, low bytes first.</param>
/// <param name="Bytes">4 or 8.</param>
public readonly record struct KernelArgument(ulong Bits, int Bytes)
{
    /// <summary>A device pointer.</summary>
    public static implicit operator KernelArgument(nint pointer) => new((ulong)pointer, 8);

    /// <summary>An int.</summary>
    public static implicit operator KernelArgument(int value) => new((uint)value, 4);

    /// <summary>An unsigned int.</summary>
    public static implicit operator KernelArgument(uint value) => new(value, 4);

    /// <summary>A long long.</summary>
    public static implicit operator KernelArgument(long value) => new((ulong)value, 8);

    /// <summary>An unsigned long long.</summary>
    public static implicit operator KernelArgument(ulong value) => new(value, 8);

    /// <summary>A double.</summary>
    public static implicit operator KernelArgument(double value) => new(BitConverter.DoubleToUInt64Bits(value), 8);

    /// <summary>A float.</summary>
    public static implicit operator KernelArgument(float value) => new(BitConverter.SingleToUInt32Bits(value), 4);
}
