using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Weights between their stored type (little-endian, at any alignment) and float, vectorised; rounding is to nearest, ties to even.
/// </summary>
public static class FloatConversion
{
    /// <summary>Reads <paramref name="values"/>.Length elements of a weight type.</summary>
    public static void ToFloats(SafeTensorsDtype dtype, ReadOnlySpan<byte> stored, Span<float> values)
    {
        switch (dtype)
        {
            case SafeTensorsDtype.F32:
                stored.CopyTo(MemoryMarshal.AsBytes(values));
                if (!BitConverter.IsLittleEndian)
                    BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<float, int>(values), MemoryMarshal.Cast<float, int>(values));
                break;
            case SafeTensorsDtype.F16:
                RequireLittleEndian();
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(stored), values);
                break;
            case SafeTensorsDtype.BF16:
                RequireLittleEndian();
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(stored), MemoryMarshal.Cast<float, uint>(values));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Weights are F32, F16 or BF16.");
        }
    }

    /// <summary>Writes <paramref name="values"/>.Length elements of a weight type.</summary>
    public static void FromFloats(SafeTensorsDtype dtype, ReadOnlySpan<float> values, Span<byte> stored)
    {
        RequireLittleEndian();
        switch (dtype)
        {
            case SafeTensorsDtype.F32:
                MemoryMarshal.AsBytes(values).CopyTo(stored);
                break;
            case SafeTensorsDtype.F16:
                TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(stored));
                break;
            case SafeTensorsDtype.BF16:
                NarrowBFloat16(MemoryMarshal.Cast<float, uint>(values), MemoryMarshal.Cast<byte, ushort>(stored));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Weights are F32, F16 or BF16.");
        }
    }

    /// <summary>Index of the first NaN or infinity, or -1.</summary>
    public static int FirstNonFinite(ReadOnlySpan<float> values)
    {
        const uint exponent = 0x7F80_0000;
        var bits = MemoryMarshal.Cast<float, uint>(values);
        var i = 0;
        var mask = Vector256.Create(exponent);
        for (; i <= bits.Length - Vector256<uint>.Count; i += Vector256<uint>.Count)
            if (Vector256.EqualsAny(Vector256.Create(bits[i..]) & mask, mask))
                break;
        for (; i < bits.Length; i++)
            if ((bits[i] & exponent) == exponent)
                return i;
        return -1;
    }

    private static void WidenBFloat16(ReadOnlySpan<ushort> from, Span<uint> to)
    {
        var i = 0;
        for (; i <= to.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Create(from[i..]));
            (low << 16).CopyTo(to[i..]);
            (high << 16).CopyTo(to[(i + Vector256<uint>.Count)..]);
        }
        for (; i < to.Length; i++)
            to[i] = (uint)from[i] << 16;
    }

    private static void NarrowBFloat16(ReadOnlySpan<uint> from, Span<ushort> to)
    {
        var i = 0;
        for (; i <= from.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
            Vector256.Narrow(Round(Vector256.Create(from[i..])), Round(Vector256.Create(from[(i + Vector256<uint>.Count)..])))
                .CopyTo(to[i..]);
        for (; i < from.Length; i++)
            to[i] = (ushort)Round(Vector256.Create(from[i]))[0];

        // Adding just under half, or half when the kept part is odd, carries into it exactly when it should. A NaN could carry into
        // infinity: keep it quiet.
        static Vector256<uint> Round(Vector256<uint> bits)
        {
            var upper = bits >>> 16;
            var rounded = (bits + Vector256.Create(0x7FFFu) + (upper & Vector256<uint>.One)) >>> 16;
            var isNan = Vector256.GreaterThan((bits & Vector256.Create(0x7FFF_FFFFu)).AsInt32(), Vector256.Create(0x7F80_0000)).AsUInt32();
            return Vector256.ConditionalSelect(isNan, upper | Vector256.Create(0x40u), rounded);
        }
    }

    private static void RequireLittleEndian()
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("16-bit weights are read and written on little-endian machines only.");
    }
}
