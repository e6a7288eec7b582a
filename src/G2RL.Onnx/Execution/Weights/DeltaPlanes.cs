using System.IO.Compression;

namespace G2RL.Onnx.Execution;

/// <summary>
/// A block of differences of which many are not zero: laid out byte by byte in four planes (two where the lower halves of all numbers are
/// zero, as in bfloat16), each written in the shortest of four ways.
/// </summary>
internal static class DeltaPlanes
{
    private const int Probe = 4096;

    private enum Way : byte
    {
        Zero,
        Sparse,
        Packed,
        Raw,
    }

    /// <summary>Writes a block.</summary>
    /// <param name="written">Receives it.</param>
    /// <param name="old">Bits before.</param>
    /// <param name="now">Bits after.</param>
    /// <param name="scratch">Room to work in.</param>
    public static void WriteBlock(MemoryStream written, ReadOnlySpan<int> old, ReadOnlySpan<int> now, DeltaScratch scratch)
    {
        var (words, any) = (old.Length, 0);
        for (var i = 0; i < words; i++)
        {
            var d = now[i] - old[i];
            any |= d;
            scratch.Differences[i] = d;
        }
        var narrow = (any & 0xFFFF) == 0;
        written.WriteByte(narrow ? DeltaCode.NarrowPlanes : DeltaCode.Planes);
        for (var plane = 0; plane < (narrow ? 2 : 4); plane++)
        {
            var bytes = scratch.Plane.AsSpan(0, words);
            var used = 0;
            for (var i = 0; i < words; i++)
            {
                var z = narrow ? DeltaCode.ZigZag(scratch.Differences[i] >> 16) : DeltaCode.ZigZag(scratch.Differences[i]);
                var b = (byte)(z >> (8 * plane));
                bytes[i] = b;
                used += b != 0 ? 1 : 0;
            }
            WritePlane(written, bytes, used, scratch);
        }
    }

    /// <summary>Reads a block's differences; see <see cref="DeltaCode.ZigZag"/>.</summary>
    /// <param name="rest">What follows the block's first byte.</param>
    /// <param name="z">Receives them.</param>
    /// <param name="planes">How many planes there are.</param>
    /// <param name="scratch">Room to work in.</param>
    /// <returns>What follows the block.</returns>
    /// <exception cref="InvalidDataException">It is not what was written.</exception>
    public static ReadOnlySpan<byte> ReadBlock(ReadOnlySpan<byte> rest, Span<uint> z, int planes, DeltaScratch scratch)
    {
        z.Clear();
        for (var plane = 0; plane < planes; plane++)
        {
            var way = (Way)DeltaCode.Take(ref rest, 1)[0];
            switch (way)
            {
                case Way.Zero:
                    break;
                case Way.Sparse:
                    var at = -1;
                    for (var left = DeltaCode.TakeNumber(ref rest); left > 0; left--)
                    {
                        at += DeltaCode.TakeNumber(ref rest) + 1;
                        if (at >= z.Length)
                            throw new InvalidDataException("A difference reaches beyond its block.");
                        z[at] |= (uint)DeltaCode.Take(ref rest, 1)[0] << (8 * plane);
                    }
                    break;
                case Way.Packed:
                    var bytes = scratch.Plane.AsSpan(0, z.Length);
                    var packed = DeltaCode.Take(ref rest, DeltaCode.TakeNumber(ref rest));
                    if (!BrotliDecoder.TryDecompress(packed, bytes, out var unpacked) || unpacked != z.Length)
                        throw new InvalidDataException("A plane of a difference cannot be unpacked.");
                    Lay(bytes, z, plane);
                    break;
                case Way.Raw:
                    Lay(DeltaCode.Take(ref rest, z.Length), z, plane);
                    break;
                default:
                    throw new InvalidDataException($"A plane of a difference is written in an unknown way ({way}).");
            }
        }
        return rest;
    }

    private static void WritePlane(MemoryStream written, ReadOnlySpan<byte> plane, int used, DeltaScratch scratch)
    {
        if (used == 0)
            written.WriteByte((byte)Way.Zero);
        else if (used < plane.Length / 8)
        {
            written.WriteByte((byte)Way.Sparse);
            DeltaCode.WriteNumber(written, used);
            var last = -1;
            for (var i = 0; i < plane.Length; i++)
                if (plane[i] != 0)
                {
                    DeltaCode.WriteNumber(written, i - last - 1);
                    written.WriteByte(plane[i]);
                    last = i;
                }
        }
        else if (IsCompressible(plane, scratch)
            && BrotliEncoder.TryCompress(plane, scratch.Packed, out var packed, quality: 1, window: 18) && packed < plane.Length)
        {
            written.WriteByte((byte)Way.Packed);
            DeltaCode.WriteNumber(written, packed);
            written.Write(scratch.Packed.AsSpan(0, packed));
        }
        else
        {
            written.WriteByte((byte)Way.Raw);
            written.Write(plane);
        }
    }

    // Bytes that are as good as random are not worth the try.
    private static bool IsCompressible(ReadOnlySpan<byte> plane, DeltaScratch scratch)
    {
        var probe = plane[..Math.Min(Probe, plane.Length)];
        return BrotliEncoder.TryCompress(probe, scratch.Packed, out var packed, quality: 1, window: 18) && packed < probe.Length * 0.95;
    }

    private static void Lay(ReadOnlySpan<byte> bytes, Span<uint> into, int plane)
    {
        for (var i = 0; i < into.Length; i++)
            into[i] |= (uint)bytes[i] << (8 * plane);
    }
}
