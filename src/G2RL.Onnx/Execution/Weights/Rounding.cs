using System.Numerics;
using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution;

/// <summary>Numbers of fewer bits in the place of float32.</summary>
internal static class Rounding
{
    private const uint Exponent = 0x7F800000;
    private const uint Upper = 0xFFFF0000;
    private const uint Half = 0x7FFF;

    /// <summary>To the nearest bfloat16, halves to even; what is not finite stays so.</summary>
    /// <param name="from">Bits of float32.</param>
    /// <param name="into">Receives bits of float32 whose lower halves are zero; as many, may be the same memory.</param>
    public static void ToBFloat16(ReadOnlySpan<int> from, Span<int> into)
    {
        var source = MemoryMarshal.Cast<int, uint>(from);
        var target = MemoryMarshal.Cast<int, uint>(into[..from.Length]);
        var i = 0;
        for (; i <= source.Length - Vector<uint>.Count; i += Vector<uint>.Count)
        {
            var bits = new Vector<uint>(source[i..]);
            var rounded = bits + new Vector<uint>(Half) + ((bits >>> 16) & Vector<uint>.One);
            var isFinite = Vector.OnesComplement(Vector.Equals(bits & new Vector<uint>(Exponent), new Vector<uint>(Exponent)));
            (Vector.ConditionalSelect(isFinite, rounded, bits) & new Vector<uint>(Upper)).CopyTo(target[i..]);
        }
        for (; i < source.Length; i++)
        {
            var bits = source[i];
            target[i] = ((bits & Exponent) == Exponent ? bits : bits + Half + ((bits >> 16) & 1)) & Upper;
        }
    }
}
