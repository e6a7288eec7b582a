using System.IO.Compression;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Weights;

/// <summary>
/// What turns one version of weights into another and back, without loss: of each number the difference of its bits as whole numbers, most
/// of whose bytes are zero. Parts stand by themselves, so that each can be applied as soon as it has arrived.
/// </summary>
/// <remarks>
/// A block of <see cref="BlockWords"/> differences is laid out byte by byte in four planes (two where the lower halves of all numbers are
/// zero, as in bfloat16), each written in the shortest of four ways. Differences, not exclusive ors: those flip many bits where a number
/// passes a power of two.
/// </remarks>
internal static class WeightDelta
{
    /// <summary>Numbers of a block.</summary>
    public const int BlockWords = 1 << 16;

    // A part: 4 MB of weights.
    private const int PartBlocks = 16;
    private const long PartBytes = PartBlocks * BlockWords * 4;
    private const int HashBytes = 16;
    private const int Probe = 4096;

    [ThreadStatic]
    private static Scratch? mine;

    private enum Way : byte
    {
        Zero,
        Sparse,
        Packed,
        Raw,
    }

    /// <summary>Encodes what leads from one version to another, and makes the first the second on the way.</summary>
    /// <param name="from">The version that both sides have; becomes the other one.</param>
    /// <param name="to">The new version, of the same length.</param>
    /// <returns>The parts, in order.</returns>
    public static byte[][] Encode(FlatWeights from, FlatWeights to)
    {
        if (from.Length != to.Length)
            throw new ArgumentException($"Weights of {from.Length} and {to.Length} bytes have no difference.", nameof(to));
        var parts = new byte[Parts(to.Length)][];
        Parallel.For(0, parts.Length, () => new Scratch(), (p, _, scratch) =>
        {
            using var written = new MemoryStream();
            written.Write(stackalloc byte[HashBytes]);
            foreach (var (offset, words) in Blocks(p, to.Length))
            {
                var old = Here(from, offset, scratch.Old.AsSpan(0, words), out var isCopy);
                var now = Here(to, offset, scratch.Now.AsSpan(0, words), out var _);
                if (TryWriteFew(written, old, now, scratch) is { } changed)
                    // Memory that does not change is not written.
                    foreach (var place in scratch.Places.AsSpan(0, changed))
                        old[place] = now[place];
                else
                {
                    WriteBlock(written, old, now, scratch);
                    now.CopyTo(old);
                }
                if (isCopy)
                    from.Write(offset, MemoryMarshal.AsBytes(old));
            }
            var part = written.ToArray();
            XxHash128.Hash(part.AsSpan(HashBytes), part);
            parts[p] = part;
            return scratch;
        }, _ => { });
        return parts;
    }

    /// <summary>Applies a part.</summary>
    /// <param name="weights">The version that it leads from; changed.</param>
    /// <param name="number">Which part.</param>
    /// <param name="part">The part.</param>
    /// <param name="forward">Whether to go to the later version; otherwise from that back to the earlier one.</param>
    /// <exception cref="InvalidDataException">It is not what was made; nothing is changed.</exception>
    public static void Apply(FlatWeights weights, int number, ReadOnlySpan<byte> part, bool forward)
    {
        Span<byte> hash = stackalloc byte[HashBytes];
        if (part.Length < HashBytes || number < 0 || number >= Parts(weights.Length)
            || XxHash128.Hash(part[HashBytes..], hash) != HashBytes || !hash.SequenceEqual(part[..HashBytes]))
            throw new InvalidDataException($"Part {number} of a difference is not what was made.");
        var scratch = mine ??= new();
        var rest = part[HashBytes..];
        foreach (var (offset, words) in Blocks(number, weights.Length))
        {
            var values = Here(weights, offset, scratch.Now.AsSpan(0, words), out var isCopy);
            var z = MemoryMarshal.Cast<int, uint>(scratch.Differences.AsSpan(0, words));
            rest = ReadBlock(rest, z, scratch, out var narrow);
            Add(values, z, narrow, forward);
            if (isCopy)
                weights.Write(offset, MemoryMarshal.AsBytes(values));
        }
        if (rest.Length > 0)
            throw new InvalidDataException($"Part {number} of a difference goes on beyond its end.");
    }

    /// <summary>Parts of weights of a length.</summary>
    public static int Parts(long bytes) => checked((int)((bytes + PartBytes - 1) / PartBytes));

    private static IEnumerable<(long Offset, int Words)> Blocks(int part, long bytes)
    {
        for (var b = 0; b < PartBlocks; b++)
        {
            var offset = (part * PartBytes) + ((long)b * BlockWords * 4);
            if (offset >= bytes)
                yield break;
            yield return (offset, (int)Math.Min(BlockWords, (bytes - offset) / 4));
        }
    }

    // A block where it lies, or a copy of one that lies in two parameters.
    private static Span<int> Here(FlatWeights weights, long offset, Span<int> copy, out bool isCopy)
    {
        var lying = MemoryMarshal.Cast<byte, int>(weights.At(offset, copy.Length * sizeof(int)));
        isCopy = lying.Length < copy.Length;
        if (!isCopy)
            return lying;
        weights.Read(offset, MemoryMarshal.AsBytes(copy));
        return copy;
    }

    private static void WriteBlock(MemoryStream written, ReadOnlySpan<int> old, ReadOnlySpan<int> now, Scratch scratch)
    {
        var (words, any) = (old.Length, 0);
        for (var i = 0; i < words; i++)
        {
            var d = now[i] - old[i];
            any |= d;
            scratch.Differences[i] = d;
        }
        var narrow = (any & 0xFFFF) == 0;
        written.WriteByte(narrow ? (byte)2 : (byte)4);
        for (var plane = 0; plane < (narrow ? 2 : 4); plane++)
        {
            var bytes = scratch.Plane.AsSpan(0, words);
            var used = 0;
            for (var i = 0; i < words; i++)
            {
                var z = narrow ? ZigZag(scratch.Differences[i] >> 16) : ZigZag(scratch.Differences[i]);
                var b = (byte)(z >> (8 * plane));
                bytes[i] = b;
                used += b != 0 ? 1 : 0;
            }
            WritePlane(written, bytes, used, scratch);
        }
    }

    // What is written of a block in which few numbers changed, without a look at each of the others.
    // Gives how many those are, whose places are in the scratch; null where they are many.
    private static int? TryWriteFew(MemoryStream written, ReadOnlySpan<int> old, ReadOnlySpan<int> now, Scratch scratch)
    {
        var (changed, any) = (0, 0);
        for (var i = old.CommonPrefixLength(now); i < old.Length; i += 1 + old[(i + 1)..].CommonPrefixLength(now[(i + 1)..]))
        {
            (scratch.Places[changed], scratch.Differences[changed]) = (i, now[i] - old[i]);
            any |= scratch.Differences[changed];
            if (++changed >= old.Length / 8)
                return null;
        }
        var narrow = (any & 0xFFFF) == 0;
        written.WriteByte(narrow ? (byte)2 : (byte)4);
        for (var plane = 0; plane < (narrow ? 2 : 4); plane++)
        {
            var used = 0;
            for (var i = 0; i < changed; i++)
            {
                var z = narrow ? ZigZag(scratch.Differences[i] >> 16) : ZigZag(scratch.Differences[i]);
                scratch.Plane[i] = (byte)(z >> (8 * plane));
                used += scratch.Plane[i] != 0 ? 1 : 0;
            }
            written.WriteByte(used == 0 ? (byte)Way.Zero : (byte)Way.Sparse);
            if (used == 0)
                continue;
            WriteNumber(written, used);
            var last = -1;
            for (var i = 0; i < changed; i++)
                if (scratch.Plane[i] != 0)
                {
                    WriteNumber(written, scratch.Places[i] - last - 1);
                    written.WriteByte(scratch.Plane[i]);
                    last = scratch.Places[i];
                }
        }
        return changed;
    }

    private static void WritePlane(MemoryStream written, ReadOnlySpan<byte> plane, int used, Scratch scratch)
    {
        if (used == 0)
            written.WriteByte((byte)Way.Zero);
        else if (used < plane.Length / 8)
        {
            written.WriteByte((byte)Way.Sparse);
            WriteNumber(written, used);
            var last = -1;
            for (var i = 0; i < plane.Length; i++)
                if (plane[i] != 0)
                {
                    WriteNumber(written, i - last - 1);
                    written.WriteByte(plane[i]);
                    last = i;
                }
        }
        else if (IsCompressible(plane, scratch)
            && BrotliEncoder.TryCompress(plane, scratch.Packed, out var packed, quality: 1, window: 18) && packed < plane.Length)
        {
            written.WriteByte((byte)Way.Packed);
            WriteNumber(written, packed);
            written.Write(scratch.Packed.AsSpan(0, packed));
        }
        else
        {
            written.WriteByte((byte)Way.Raw);
            written.Write(plane);
        }
    }

    // Bytes that are as good as random are not worth the try.
    private static bool IsCompressible(ReadOnlySpan<byte> plane, Scratch scratch)
    {
        var probe = plane[..Math.Min(Probe, plane.Length)];
        return BrotliEncoder.TryCompress(probe, scratch.Packed, out var packed, quality: 1, window: 18) && packed < probe.Length * 0.95;
    }

    private static ReadOnlySpan<byte> ReadBlock(ReadOnlySpan<byte> rest, Span<uint> z, Scratch scratch, out bool narrow)
    {
        var planes = Take(ref rest, 1)[0];
        if (planes is not (2 or 4))
            throw new InvalidDataException($"A difference has {planes} planes.");
        narrow = planes == 2;
        z.Clear();
        for (var plane = 0; plane < planes; plane++)
        {
            var way = (Way)Take(ref rest, 1)[0];
            switch (way)
            {
                case Way.Zero:
                    break;
                case Way.Sparse:
                    var at = -1;
                    for (var left = TakeNumber(ref rest); left > 0; left--)
                    {
                        at += TakeNumber(ref rest) + 1;
                        if (at >= z.Length)
                            throw new InvalidDataException("A difference reaches beyond its block.");
                        z[at] |= (uint)Take(ref rest, 1)[0] << (8 * plane);
                    }
                    break;
                case Way.Packed:
                    var bytes = scratch.Plane.AsSpan(0, z.Length);
                    if (!BrotliDecoder.TryDecompress(Take(ref rest, TakeNumber(ref rest)), bytes, out var unpacked) || unpacked != z.Length)
                        throw new InvalidDataException("A plane of a difference cannot be unpacked.");
                    Lay(bytes, z, plane);
                    break;
                case Way.Raw:
                    Lay(Take(ref rest, z.Length), z, plane);
                    break;
                default:
                    throw new InvalidDataException($"A plane of a difference is written in an unknown way ({way}).");
            }
        }
        return rest;
    }

    private static void Add(Span<int> values, ReadOnlySpan<uint> z, bool narrow, bool forward)
    {
        for (var i = 0; i < z.Length; i++)
        {
            var unchanged = z[i..].IndexOfAnyExcept(0u);
            if (unchanged < 0)
                return;
            for (i += unchanged; i < z.Length && z[i] != 0; i++)
            {
                var d = narrow ? UnZigZag(z[i]) << 16 : UnZigZag(z[i]);
                values[i] += forward ? d : -d;
            }
        }
    }

    private static void Lay(ReadOnlySpan<byte> bytes, Span<uint> into, int plane)
    {
        for (var i = 0; i < into.Length; i++)
            into[i] |= (uint)bytes[i] << (8 * plane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint ZigZag(int d) => (uint)((d << 1) ^ (d >> 31));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int UnZigZag(uint z) => (int)(z >> 1) ^ -(int)(z & 1);

    private static void WriteNumber(MemoryStream written, int value)
    {
        for (; value >= 0x80; value >>= 7)
            written.WriteByte((byte)(value | 0x80));
        written.WriteByte((byte)value);
    }

    private static int TakeNumber(ref ReadOnlySpan<byte> rest)
    {
        for (var (value, shift) = (0, 0); shift <= 21; shift += 7)
        {
            var b = Take(ref rest, 1)[0];
            value |= (b & 0x7F) << shift;
            if (b < 0x80)
                return value;
        }
        throw new InvalidDataException("A number in a difference is too large.");
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> rest, int count)
    {
        if (count > rest.Length)
            throw new InvalidDataException("A difference ends before its end.");
        var taken = rest[..count];
        rest = rest[count..];
        return taken;
    }

    private sealed class Scratch
    {
        public int[] Old { get; } = new int[BlockWords];

        public int[] Now { get; } = new int[BlockWords];

        public int[] Differences { get; } = new int[BlockWords];

        public int[] Places { get; } = new int[BlockWords / 8];

        public byte[] Plane { get; } = new byte[BlockWords];

        public byte[] Packed { get; } = new byte[BlockWords + 4096];
    }
}
