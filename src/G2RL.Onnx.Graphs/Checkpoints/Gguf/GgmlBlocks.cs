using System.Buffers.Binary;

namespace G2RL.Onnx.Checkpoints;

/// <summary>Quantised blocks to floats. All arithmetic is float32, in the order scale * scale, times number, minus offset.</summary>
/// <remarks>Source: the block structures and their comments in ggml (ggml-common.h); numbers and scales are little-endian.</remarks>
internal static class GgmlBlocks
{
    private const int HalfBytes = 2;
    private const int Groups = 8;
    private const int ScaleBytes = 12;

    /// <summary>Reads whole blocks.</summary>
    public static void ToFloats(GgmlType type, ReadOnlySpan<byte> stored, Span<float> values)
    {
        if (type.BlockElements() == 1)
        {
            FloatConversion.ToFloats(type.Stored(), stored, values);
            return;
        }
        var (elements, bytes) = (type.BlockElements(), type.BlockBytes());
        for (var block = 0; block < values.Length / elements; block++)
        {
            var from = stored.Slice(block * bytes, bytes);
            var to = values.Slice(block * elements, elements);
            switch (type)
            {
                case GgmlType.Q4_0:
                    Q40(from, to);
                    break;
                case GgmlType.Q8_0:
                    Q80(from, to);
                    break;
                case GgmlType.Q4_K:
                    WithMinimum(from, default, from[((2 * HalfBytes) + ScaleBytes)..], to);
                    break;
                case GgmlType.Q5_K:
                    WithMinimum(from, from.Slice((2 * HalfBytes) + ScaleBytes, 32), from[((2 * HalfBytes) + ScaleBytes + 32)..], to);
                    break;
                default:
                    Q6K(from, to);
                    break;
            }
        }
    }

    // Scale, then 16 bytes: low halves are numbers 0 to 15, high halves 16 to 31; 8 stands for zero.
    private static void Q40(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = Half(block);
        for (var i = 0; i < 16; i++)
        {
            var pair = block[HalfBytes + i];
            values[i] = ((pair & 15) - 8) * scale;
            values[16 + i] = ((pair >> 4) - 8) * scale;
        }
    }

    // Scale, then 32 signed bytes.
    private static void Q80(ReadOnlySpan<byte> block, Span<float> values)
    {
        var scale = Half(block);
        for (var i = 0; i < 32; i++)
            values[i] = (sbyte)block[HalfBytes + i] * scale;
    }

    // Scale of scales, scale of minima, 12 bytes of both, (Q5_K: 32 bytes, whose bit g is the fifth bit of group g,) then 4 bits a number:
    // each run of 32 bytes holds a group in its low halves and the next group in its high halves.
    private static void WithMinimum(ReadOnlySpan<byte> block, ReadOnlySpan<byte> fifth, ReadOnlySpan<byte> four, Span<float> values)
    {
        float scales = Half(block), minima = Half(block[HalfBytes..]);
        var packed = block.Slice(2 * HalfBytes, ScaleBytes);
        for (var group = 0; group < Groups; group++)
        {
            var (scale, minimum) = Packed(packed, group);
            float factor = scales * scale, offset = minima * minimum;
            var run = four.Slice(group / 2 * 32, 32);
            var shift = 4 * (group % 2);
            for (var i = 0; i < 32; i++)
            {
                var number = (run[i] >> shift) & 15;
                if (!fifth.IsEmpty)
                    number |= ((fifth[i] >> group) & 1) << 4;
                values[(32 * group) + i] = (factor * number) - offset;
            }
        }
    }

    // Groups 0 to 3: the low 6 bits of byte g (scale) and byte 4 + g (minimum). Groups 4 to 7: 4 low bits in the halves of byte 4 + g, and
    // the 2 high ones at the top of the bytes of group g - 4.
    private static (int Scale, int Minimum) Packed(ReadOnlySpan<byte> packed, int group) => group < 4
        ? (packed[group] & 63, packed[group + 4] & 63)
        : ((packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4), (packed[group + 4] >> 4) | (packed[group] >> 6 << 4));

    // Two halves of 128 numbers. In each, number 32 k + i has its 4 low bits in byte 32 (k mod 2) + i of the half's 64 (low half of the
    // byte for k < 2), its 2 high bits at 2 k in byte i of the half's 32, and a signed scale for each 16 numbers; 32 stands for zero.
    private static void Q6K(ReadOnlySpan<byte> block, Span<float> values)
    {
        ReadOnlySpan<byte> low = block[..128], high = block.Slice(128, 64), scales = block.Slice(192, 16);
        var scale = Half(block[208..]);
        for (var at = 0; at < values.Length; at++)
        {
            var (half, rest) = Math.DivRem(at, 128);
            var (k, i) = Math.DivRem(rest, 32);
            var four = (low[(64 * half) + (32 * (k % 2)) + i] >> (4 * (k / 2))) & 15;
            var two = (high[(32 * half) + i] >> (2 * k)) & 3;
            values[at] = scale * (sbyte)scales[at / 16] * ((four | (two << 4)) - 32);
        }
    }

    private static float Half(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);
}
