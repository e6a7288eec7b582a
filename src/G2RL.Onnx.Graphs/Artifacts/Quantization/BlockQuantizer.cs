using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace G2RL.Onnx.Artifacts;

/// <summary>
/// Weights of one output [K] to and from blocks of codes: weight = scale * (code - zero). Rounding is to the nearest code, so that a weight
/// is off by half a scale at most; the same weights always give the same bytes.
/// </summary>
/// <remarks>
/// The layout is that of ONNX Runtime's com.microsoft.MatMulNBits (docs/ContribOperators.md): 4-bit codes in pairs, the earlier one in the
/// low half of the byte; the last block is filled up with zeros; zero points are packed like codes; without any, the zero is half the
/// range.
/// </remarks>
/// <param name="bits">4 or 8.</param>
/// <param name="blockSize">Weights of a block, a power of two.</param>
/// <param name="zeroPoints">Whether blocks have a zero point.</param>
/// <param name="inputs">K, weights of an output.</param>
internal sealed class BlockQuantizer(int bits, int blockSize, bool zeroPoints, int inputs)
{
    private readonly int highest = (1 << bits) - 1;
    private readonly int middle = 1 << (bits - 1);

    /// <summary>Blocks of an output.</summary>
    public int Blocks { get; } = (inputs + blockSize - 1) / blockSize;

    /// <summary>Bytes of a block's codes.</summary>
    public int BlockBytes { get; } = blockSize * bits / 8;

    /// <summary>Bytes of an output's codes.</summary>
    public int CodeBytes => Blocks * BlockBytes;

    /// <summary>Bytes of an output's zero points; 0 without any.</summary>
    public int ZeroBytes => zeroPoints ? ((Blocks * bits) + 7) / 8 : 0;

    /// <summary>
    /// Quantises finite weights [K] into codes [<see cref="CodeBytes"/>], scales [<see cref="Blocks"/>] and zero points
    /// [<see cref="ZeroBytes"/>].
    /// </summary>
    public void Quantize(ReadOnlySpan<float> weights, Span<byte> codes, Span<float> scales, Span<byte> zeros)
    {
        zeros.Clear();
        Span<int> numbers = stackalloc int[blockSize];
        for (var block = 0; block < Blocks; block++)
        {
            var first = block * blockSize;
            var part = weights.Slice(first, Math.Min(blockSize, inputs - first));
            var (scale, zero) = zeroPoints ? Range(part) : Symmetric(part);
            scales[block] = scale;
            if (zeroPoints)
                Put(zeros, block, zero);
            numbers.Fill(zero);
            if (scale != 0)
                Round(part, scale, zero, numbers);
            Pack(numbers, codes.Slice(block * BlockBytes, BlockBytes));
        }
    }

    /// <summary>The weights [K] that codes stand for.</summary>
    public void Dequantize(ReadOnlySpan<byte> codes, ReadOnlySpan<float> scales, ReadOnlySpan<byte> zeros, Span<float> weights)
    {
        for (var block = 0; block < Blocks; block++)
        {
            var first = block * blockSize;
            var part = weights.Slice(first, Math.Min(blockSize, inputs - first));
            var packed = codes.Slice(block * BlockBytes, BlockBytes);
            var (scale, zero) = (scales[block], zeroPoints ? Get(zeros, block) : middle);
            for (var i = 0; i < part.Length; i++)
                part[i] = scale * (Get(packed, i) - zero);
        }
    }

    // The weight of the largest magnitude gets the outermost code, 0, which has no counterpart on the other side.
    private (float Scale, int Zero) Symmetric(ReadOnlySpan<float> part) => (Usable(TensorPrimitives.MaxMagnitude(part) / -middle), middle);

    // All of the range, 0 included, so that 0 stays 0.
    private (float Scale, int Zero) Range(ReadOnlySpan<float> part)
    {
        float low = Math.Min(0, TensorPrimitives.Min(part)), high = Math.Max(0, TensorPrimitives.Max(part));
        // Halved first: the distance of two finite floats may be infinite.
        var scale = Usable(((high / 2) - (low / 2)) / (highest / 2f));
        return (scale, scale == 0 ? middle : (int)MathF.Round(-low / scale));
    }

    // A block of zeros, or of numbers so small that their scale loses its bits, becomes zeros.
    private static float Usable(float scale) => float.IsNormal(scale) ? scale : 0;

    private void Round(ReadOnlySpan<float> part, float scale, int zero, Span<int> numbers)
    {
        var i = 0;
        for (; i <= part.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            var nearest = Vector256.ConvertToInt32(Vector256.Round(Vector256.Create(part[i..]) / scale)) + Vector256.Create(zero);
            Vector256.Clamp(nearest, Vector256<int>.Zero, Vector256.Create(highest)).CopyTo(numbers[i..]);
        }
        for (; i < part.Length; i++)
            numbers[i] = Math.Clamp((int)MathF.Round(part[i] / scale) + zero, 0, highest);
    }

    private void Pack(ReadOnlySpan<int> numbers, Span<byte> packed)
    {
        if (bits == 8)
            for (var i = 0; i < packed.Length; i++)
                packed[i] = (byte)numbers[i];
        else
            for (var i = 0; i < packed.Length; i++)
                packed[i] = (byte)(numbers[2 * i] | (numbers[(2 * i) + 1] << 4));
    }

    private void Put(Span<byte> packed, int index, int code)
    {
        if (bits == 8)
            packed[index] = (byte)code;
        else
            packed[index / 2] |= (byte)(code << (4 * (index % 2)));
    }

    private int Get(ReadOnlySpan<byte> packed, int index) => bits == 8 ? packed[index] : (packed[index / 2] >> (4 * (index % 2))) & 15;
}
