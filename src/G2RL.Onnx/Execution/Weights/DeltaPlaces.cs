using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace G2RL.Onnx.Execution;

/// <summary>
/// A block in which few numbers changed: of each, in two bytes, the places since the one before and what was added to its bits.
/// </summary>
/// <remarks>
/// Seven bits are the unchanged numbers in between, 127 for as many and two bytes more; nine bits are what was added, plus 256, 0 for four
/// bytes that follow. Of the upper halves where the lower ones do not change, as in bfloat16. The loops have no branch that goes now one
/// way, now the other.
/// </remarks>
internal static class DeltaPlaces
{
    /// <summary>Numbers that may have changed in such a block.</summary>
    public const int Most = WeightDelta.BlockWords / 8;

    /// <summary>Bytes that it may take.</summary>
    public const int MostBytes = (Most * 6) + (WeightDelta.BlockWords / Skip * 2) + 8;

    private const int Skip = 127;
    private const int AddedBits = 9;
    private const int Zero = 1 << (AddedBits - 1);

    /// <summary>Finds what changed.</summary>
    /// <param name="old">Bits before.</param>
    /// <param name="now">Bits after.</param>
    /// <param name="places">Receives the places; a vector longer than <see cref="Most"/>.</param>
    /// <param name="flips">Every bit that changed somewhere.</param>
    /// <returns>How many; -1 where more than <see cref="Most"/>.</returns>
    public static int Find(ReadOnlySpan<int> old, ReadOnlySpan<int> now, Span<int> places, out int flips)
    {
        ref var before = ref MemoryMarshal.GetReference(old);
        ref var after = ref MemoryMarshal.GetReference(now);
        ref var found = ref MemoryMarshal.GetReference(places);
        var (count, i, any) = (0, 0, Vector512<int>.Zero);
        for (var indices = Vector512<int>.Indices; i <= old.Length - 16 && count <= Most; i += 16, indices += Vector512.Create(16))
        {
            var flipped = Vector512.LoadUnsafe(ref before, (nuint)i) ^ Vector512.LoadUnsafe(ref after, (nuint)i);
            any |= flipped;
            var differs = ~Vector512.Equals(flipped, Vector512<int>.Zero);
            var bits = differs.ExtractMostSignificantBits();
            if (Avx512F.IsSupported)
            {
                Avx512F.Compress(Vector512<int>.Zero, differs, indices).StoreUnsafe(ref found, (nuint)count);
                count += BitOperations.PopCount(bits);
            }
            else
                for (; bits != 0; bits &= bits - 1)
                    Unsafe.Add(ref found, count++) = i + BitOperations.TrailingZeroCount(bits);
        }
        flips = 0;
        for (var lane = 0; lane < Vector512<int>.Count; lane++)
            flips |= any[lane];
        for (; i < old.Length && count <= Most; i++)
            if (old[i] != now[i])
            {
                flips |= old[i] ^ now[i];
                places[count++] = i;
            }
        return count > Most ? -1 : count;
    }

    /// <summary>Writes what changed.</summary>
    /// <param name="old">Bits before; becomes those after.</param>
    /// <param name="now">Bits after.</param>
    /// <param name="places">Where they differ, in order, as <see cref="Find"/> gives them.</param>
    /// <param name="isNarrow">Whether only upper halves do.</param>
    /// <param name="first">The block's first number among all weights.</param>
    /// <param name="into">Receives the block, <see cref="MostBytes"/> at most.</param>
    /// <param name="change">What it does to the weights' identity.</param>
    /// <returns>Bytes written.</returns>
    public static int Write(
        Span<int> old,
        ReadOnlySpan<int> now,
        ReadOnlySpan<int> places,
        bool isNarrow,
        long first,
        Span<byte> into,
        scoped ref WeightIdentity change)
    {
        ref var before = ref MemoryMarshal.GetReference(old);
        ref var after = ref MemoryMarshal.GetReference(now);
        var shift = isNarrow ? 16 : 0;
        into[0] = isNarrow ? DeltaCode.NarrowPlaces : DeltaCode.Places;
        BinaryPrimitives.WriteInt32LittleEndian(into[1..], places.Length);
        var (written, last) = (5, -1);
        for (var at = 0; at < places.Length;)
        {
            // The numbers of a run share a factor.
            var run = places[at] / WeightIdentity.RunWords;
            var sums = WeightIdentity.InRun((first / WeightIdentity.RunWords) + run);
            for (var end = (run + 1) * WeightIdentity.RunWords; at < places.Length && places[at] < end; at++)
            {
                var place = places[at];
                ref var value = ref Unsafe.Add(ref before, place);
                var (from, to) = (value, Unsafe.Add(ref after, place));
                // Memory that does not change is not written.
                value = to;
                sums.Change(place, from, to);
                var gap = place - last - 1;
                last = place;
                for (; gap >= Skip; gap -= Skip, written += 2)
                    BinaryPrimitives.WriteUInt16LittleEndian(into[written..], Skip << AddedBits);
                var added = ((to - from) >> shift) + Zero;
                var isShort = added is > 0 and < 2 * Zero;
                BinaryPrimitives.WriteUInt16LittleEndian(into[written..], (ushort)((gap << AddedBits) | (isShort ? added : 0)));
                written += 2;
                if (!isShort)
                {
                    BinaryPrimitives.WriteInt32LittleEndian(into[written..], (to - from) >> shift);
                    written += 4;
                }
            }
            change += sums.Total;
        }
        return written;
    }

    /// <summary>Applies a block.</summary>
    /// <param name="rest">What follows the block's first byte.</param>
    /// <param name="values">The block's numbers; changed.</param>
    /// <param name="isNarrow">Whether differences are of the upper halves.</param>
    /// <param name="isForward">Whether they are added; else taken away.</param>
    /// <param name="first">The block's first number among all weights.</param>
    /// <param name="scratch">Room to work in.</param>
    /// <param name="change">What it does to the weights' identity.</param>
    /// <returns>What follows the block.</returns>
    /// <exception cref="InvalidDataException">It is not what was written; the block is as it was.</exception>
    public static ReadOnlySpan<byte> Apply(
        ReadOnlySpan<byte> rest,
        Span<int> values,
        bool isNarrow,
        bool isForward,
        long first,
        DeltaScratch scratch,
        scoped ref WeightIdentity change)
    {
        var count = BinaryPrimitives.ReadInt32LittleEndian(DeltaCode.Take(ref rest, 4));
        if (count is < 0 or > Most)
            throw new InvalidDataException($"A difference has {count} places in a block; {Most} is the most.");
        var (places, added) = (scratch.Places, scratch.Differences);
        rest = Read(rest, values, places.AsSpan(0, count), added);
        ref var value = ref MemoryMarshal.GetReference(values);
        var (shift, sign) = (isNarrow ? 16 : 0, isForward ? 1 : -1);
        for (var i = 0; i < count;)
        {
            var run = places[i] / WeightIdentity.RunWords;
            var sums = WeightIdentity.InRun((first / WeightIdentity.RunWords) + run);
            for (var end = (run + 1) * WeightIdentity.RunWords; i < count && places[i] < end; i++)
            {
                ref var own = ref Unsafe.Add(ref value, places[i]);
                var old = own;
                own = old + ((sign * added[i]) << shift);
                sums.Change(places[i], old, own);
            }
            change += sums.Total;
        }
        return rest;
    }

    // All places are known before the first number is read, so that none is waited for: they lie in an order that no processor guesses.
    private static unsafe ReadOnlySpan<byte> Read(ReadOnlySpan<byte> rest, ReadOnlySpan<int> values, Span<int> places, int[] added)
    {
        // Asking for memory in advance is a wish, which may name any address.
        var memory = (int*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(values));
        var (at, next) = (-1, 0);
        for (var i = 0; i < places.Length;)
        {
            if (next + 2 > rest.Length)
                throw new InvalidDataException("A difference ends before its end.");
            int code = BinaryPrimitives.ReadUInt16LittleEndian(rest[next..]);
            next += 2;
            var gap = code >> AddedBits;
            at += gap == Skip ? Skip : gap + 1;
            if ((uint)at >= (uint)values.Length)
                throw new InvalidDataException("A difference reaches beyond its block.");
            if (gap == Skip)
                continue;
            if (Sse.IsSupported)
                Sse.Prefetch0(memory + at);
            var d = (code & ((2 * Zero) - 1)) - Zero;
            if (d == -Zero)
            {
                if (next + 4 > rest.Length)
                    throw new InvalidDataException("A difference ends before its end.");
                d = BinaryPrimitives.ReadInt32LittleEndian(rest[next..]);
                next += 4;
            }
            (places[i], added[i]) = (at, d);
            i++;
        }
        return rest[next..];
    }
}
