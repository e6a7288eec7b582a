using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution;

/// <summary>What leads from one version of weights to the next, and back.</summary>
/// <param name="Base">Name of the earlier version.</param>
/// <param name="Content">Name of the later version.</param>
/// <param name="Parts">The parts, in order; see <see cref="WeightDelta"/>.</param>
internal sealed record WeightStep(string Base, string Content, byte[][] Parts);

/// <summary>
/// What turns one version of weights into another and back, without loss: of each number the difference of its bits as whole numbers, most
/// of whose bytes are zero. Parts stand by themselves, so that each can be applied as soon as it has arrived.
/// </summary>
/// <remarks>
/// A part begins with its hash. A block of <see cref="BlockWords"/> numbers is written as places (<see cref="DeltaPlaces"/>) where few
/// changed, else as planes of bytes (<see cref="DeltaPlanes"/>). Differences, not exclusive ors: those flip many bits where a number passes
/// a power of two. Making and applying also tells what becomes of the weights' identity, so that nobody has to look at all of them again.
/// </remarks>
internal static class WeightDelta
{
    /// <summary>Numbers of a block.</summary>
    public const int BlockWords = 1 << 16;

    // A part: 4 MB of weights.
    private const int PartBlocks = 16;
    private const long PartBytes = PartBlocks * BlockWords * 4;
    private const int HashBytes = 16;

    [ThreadStatic]
    private static DeltaScratch? mine;

    /// <summary>Gives numbers another form, such as a rounded one.</summary>
    /// <param name="from">Their bits.</param>
    /// <param name="into">Receives the others.</param>
    public delegate void Form(ReadOnlySpan<int> from, Span<int> into);

    /// <summary>Makes the next version where it is to lie, and what leads to it from the one before.</summary>
    /// <param name="before">The version before.</param>
    /// <param name="source">The numbers of the next one.</param>
    /// <param name="form">The form that these take; null leaves them as they are.</param>
    /// <param name="into">Becomes the next version; may be the very one before, of which only what changes is then written.</param>
    /// <returns>The parts, in order, and what they do to the identity.</returns>
    public static (byte[][] Parts, WeightIdentity Change) Advance(FlatWeights before, FlatWeights source, Form? form, FlatWeights into)
    {
        if (before.Length != source.Length || into.Length != source.Length)
            throw new ArgumentException($"Weights of {before.Length} and {source.Length} bytes have no difference.", nameof(source));
        var isInPlace = ReferenceEquals(into, before);
        var parts = new byte[Parts(source.Length)][];
        var changes = new WeightIdentity[parts.Length];
        Parallel.For(0, parts.Length, p =>
        {
            var scratch = mine ??= new();
            var written = scratch.Written;
            written.SetLength(0);
            written.Write(stackalloc byte[HashBytes]);
            foreach (var (offset, words) in Blocks(p, source.Length))
            {
                var now = Next(source, offset, words, form, scratch);
                // Elsewhere, the version before stays as it is.
                if (!isInPlace)
                    into.Write(offset, MemoryMarshal.AsBytes(now));
                var old = Here(before, offset, scratch.Old.AsSpan(0, words), out var isCopy);
                if (!isInPlace && !isCopy)
                {
                    old.CopyTo(scratch.Old);
                    old = scratch.Old.AsSpan(0, words);
                }
                WriteBlock(written, old, now, offset / sizeof(int), scratch, ref changes[p]);
                if (isCopy && isInPlace)
                    before.Write(offset, MemoryMarshal.AsBytes(old));
            }
            var part = GC.AllocateUninitializedArray<byte>((int)written.Length);
            written.GetBuffer().AsSpan(0, part.Length).CopyTo(part);
            XxHash128.Hash(part.AsSpan(HashBytes), part);
            parts[p] = part;
        });
        return (parts, changes.Aggregate(default(WeightIdentity), (a, b) => a + b));
    }

    /// <summary>Applies a part.</summary>
    /// <param name="weights">The version that it leads from; changed.</param>
    /// <param name="number">Which part.</param>
    /// <param name="part">The part.</param>
    /// <param name="forward">Whether to go to the later version; otherwise from that back to the earlier one.</param>
    /// <returns>What it does to the weights' identity.</returns>
    /// <exception cref="InvalidDataException">It is not what was made; nothing is changed.</exception>
    public static WeightIdentity Apply(FlatWeights weights, int number, ReadOnlySpan<byte> part, bool forward)
    {
        Span<byte> hash = stackalloc byte[HashBytes];
        if (part.Length < HashBytes || number < 0 || number >= Parts(weights.Length)
            || XxHash128.Hash(part[HashBytes..], hash) != HashBytes || !hash.SequenceEqual(part[..HashBytes]))
            throw new InvalidDataException($"Part {number} of a difference is not what was made.");
        var scratch = mine ??= new();
        var change = default(WeightIdentity);
        var rest = part[HashBytes..];
        foreach (var (offset, words) in Blocks(number, weights.Length))
        {
            var values = Here(weights, offset, scratch.Now.AsSpan(0, words), out var isCopy);
            rest = ApplyBlock(rest, values, forward, offset / sizeof(int), scratch, ref change);
            if (isCopy)
                weights.Write(offset, MemoryMarshal.AsBytes(values));
        }
        if (rest.Length > 0)
            throw new InvalidDataException($"Part {number} of a difference goes on beyond its end.");
        return change;
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

    private static ReadOnlySpan<int> Next(FlatWeights source, long offset, int words, Form? form, DeltaScratch scratch)
    {
        var now = scratch.Now.AsSpan(0, words);
        if (form is null)
            return Here(source, offset, now, out _);
        for (var done = 0; done < words;)
        {
            var own = MemoryMarshal.Cast<byte, int>(source.At(offset + (done * sizeof(int)), (words - done) * sizeof(int)));
            form(own, now[done..]);
            done += own.Length;
        }
        return now;
    }

    // The old numbers become the new ones.
    private static void WriteBlock(
        MemoryStream written,
        Span<int> old,
        ReadOnlySpan<int> now,
        long first,
        DeltaScratch scratch,
        ref WeightIdentity change)
    {
        if (DeltaPlaces.Find(old, now, scratch.Places, out var flips) is >= 0 and var found)
        {
            var places = scratch.Places.AsSpan(0, found);
            var few = DeltaPlaces.Write(old, now, places, (flips & 0xFFFF) == 0, first, scratch.Few, ref change);
            written.Write(scratch.Few.AsSpan(0, few));
            return;
        }
        DeltaPlanes.WriteBlock(written, old, now, scratch);
        change += WeightIdentity.OfChange(first, old, now);
        now.CopyTo(old);
    }

    private static ReadOnlySpan<byte> ApplyBlock(
        ReadOnlySpan<byte> rest,
        Span<int> values,
        bool forward,
        long first,
        DeltaScratch scratch,
        scoped ref WeightIdentity change)
    {
        var kind = DeltaCode.Take(ref rest, 1)[0];
        if (kind is DeltaCode.Places or DeltaCode.NarrowPlaces)
            return DeltaPlaces.Apply(rest, values, kind == DeltaCode.NarrowPlaces, forward, first, scratch, ref change);
        if (kind is not (DeltaCode.Planes or DeltaCode.NarrowPlanes))
            throw new InvalidDataException($"A block of a difference is of an unknown kind ({kind}).");
        var z = MemoryMarshal.Cast<int, uint>(scratch.Differences.AsSpan(0, values.Length));
        rest = DeltaPlanes.ReadBlock(rest, z, planes: kind, scratch);
        var old = scratch.Old.AsSpan(0, values.Length);
        values.CopyTo(old);
        for (var i = 0; i < z.Length; i++)
        {
            var d = kind == DeltaCode.NarrowPlanes ? DeltaCode.UnZigZag(z[i]) << 16 : DeltaCode.UnZigZag(z[i]);
            values[i] += forward ? d : -d;
        }
        change += WeightIdentity.OfChange(first, old, values);
        return rest;
    }
}
