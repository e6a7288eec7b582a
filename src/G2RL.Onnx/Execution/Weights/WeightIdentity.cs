using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace G2RL.Onnx.Execution;

/// <summary>
/// What names a version of weights: two sums over all numbers, each bits times a key of its place, modulo 2^64. Whoever changes a few
/// numbers knows the new sums from these alone, without a look at the others.
/// </summary>
/// <remarks>
/// Multilinear hashing (Carter and Wegman 1979; Lemire and Kaser 2014): two versions that differ have equal sums for at most one in 2^32
/// keys of a place, and there are two sums with keys of their own, so that two versions are taken for each other once in 2^64. The keys
/// are fixed: this finds broken transfers and wrong versions, and is no defence against somebody who makes numbers to fit, which mutual
/// TLS is for. A key is that of a place in a run of <see cref="RunWords"/> numbers times an odd number of the run.
/// </remarks>
/// <param name="First">One sum.</param>
/// <param name="Second">The other.</param>
internal readonly record struct WeightIdentity(ulong First, ulong Second)
{
    /// <summary>Numbers that share a factor; the keys of a run stay in the nearest cache.</summary>
    public const int RunWords = 4096;

    // [2][RunWords], on an address that a vector may be read from.
    private static readonly uint[] Keys = MakeKeys();

    /// <summary>Sums of both, as of weights that lie apart.</summary>
    public static WeightIdentity operator +(WeightIdentity a, WeightIdentity b) => new(a.First + b.First, a.Second + b.Second);

    /// <summary>Looks at all numbers.</summary>
    public static WeightIdentity Of(FlatWeights weights)
    {
        const long Step = FlatWeights.HashedPiece;
        var pieces = new WeightIdentity[checked((int)((weights.Length + Step - 1) / Step))];
        Parallel.For(0, pieces.Length, i =>
        {
            var sum = default(WeightIdentity);
            for (long at = i * Step, end = Math.Min(weights.Length, at + Step); at < end;)
            {
                // To the end of the run, or of the parameter.
                var word = at / sizeof(float);
                var most = Math.Min(end - at, (RunWords - (word % RunWords)) * sizeof(float));
                var own = MemoryMarshal.Cast<byte, uint>(weights.At(at, (int)most));
                sum += InRun(word / RunWords).Times(OfPlaces((int)(word % RunWords), own));
                at += own.Length * sizeof(float);
            }
            pieces[i] = sum;
        });
        return pieces.Aggregate(default(WeightIdentity), (a, b) => a + b);
    }

    /// <summary>What becomes of the sums where numbers side by side change.</summary>
    /// <param name="first">The first one's place in all weights, a multiple of <see cref="RunWords"/>.</param>
    /// <param name="old">Their bits before.</param>
    /// <param name="now">Their bits after.</param>
    public static WeightIdentity OfChange(long first, ReadOnlySpan<int> old, ReadOnlySpan<int> now)
    {
        var sum = default(WeightIdentity);
        for (var at = 0; at < old.Length; at += RunWords)
        {
            var words = Math.Min(RunWords, old.Length - at);
            var (before, after) = (
                OfPlaces(0, MemoryMarshal.Cast<int, uint>(old.Slice(at, words))),
                OfPlaces(0, MemoryMarshal.Cast<int, uint>(now.Slice(at, words))));
            sum += InRun((first + at) / RunWords).Times(new(after.First - before.First, after.Second - before.Second));
        }
        return sum;
    }

    /// <summary>Nothing yet of a run's numbers.</summary>
    /// <param name="run">Which run: a number's place in all weights / <see cref="RunWords"/>.</param>
    public static RunSums InRun(long run) => new(Keys, Mix(2 * (ulong)run) | 1, Mix((2 * (ulong)run) + 1) | 1);

    /// <summary>32 hexadecimal digits: XXH128 of the sums and of how many bytes there are.</summary>
    /// <param name="length">Bytes of the weights.</param>
    public string Name(long length)
    {
        Span<byte> all = stackalloc byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(all, First);
        BinaryPrimitives.WriteUInt64LittleEndian(all[8..], Second);
        BinaryPrimitives.WriteInt64LittleEndian(all[16..], length);
        return Convert.ToHexStringLower(XxHash128.Hash(all));
    }

    // Numbers side by side in one run.
    private static WeightIdentity OfPlaces(int first, ReadOnlySpan<uint> bits)
    {
        var a = Keys.AsSpan(first, bits.Length);
        var b = Keys.AsSpan(RunWords + first, bits.Length);
        var (sum, done) = Avx2.IsSupported ? OfVectors(bits, a, b) : (default, 0);
        var (one, other) = (sum.First, sum.Second);
        for (var i = done; i < bits.Length; i++)
        {
            one += (ulong)bits[i] * a[i];
            other += (ulong)bits[i] * b[i];
        }
        return new(one, other);
    }

    // A product of 64 bits from each half of a lane; gives how many numbers are in it, too.
    private static (WeightIdentity Sum, int Done) OfVectors(ReadOnlySpan<uint> bits, ReadOnlySpan<uint> a, ReadOnlySpan<uint> b)
    {
        var (one, other) = (Vector256<ulong>.Zero, Vector256<ulong>.Zero);
        ref var at = ref MemoryMarshal.GetReference(bits);
        ref var keyA = ref MemoryMarshal.GetReference(a);
        ref var keyB = ref MemoryMarshal.GetReference(b);
        var i = 0;
        for (; i <= bits.Length - Vector256<uint>.Count; i += Vector256<uint>.Count)
        {
            var v = Vector256.LoadUnsafe(ref at, (nuint)i);
            var k = Vector256.LoadUnsafe(ref keyA, (nuint)i);
            var l = Vector256.LoadUnsafe(ref keyB, (nuint)i);
            var high = (v.AsUInt64() >> 32).AsUInt32();
            one += Avx2.Multiply(v, k) + Avx2.Multiply(high, (k.AsUInt64() >> 32).AsUInt32());
            other += Avx2.Multiply(v, l) + Avx2.Multiply(high, (l.AsUInt64() >> 32).AsUInt32());
        }
        return (new(Vector256.Sum(one), Vector256.Sum(other)), i);
    }

    private static uint[] MakeKeys() => [.. Enumerable.Range(0, 2 * RunWords).Select(i => (uint)(Mix(~(ulong)i) >> 32))];

    // The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
    private static ulong Mix(ulong x)
    {
        x = (x + 1) * 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}

/// <summary>What becomes of the sums where numbers of one run change.</summary>
/// <param name="keys">The keys of its places, those of the second sum behind those of the first.</param>
/// <param name="one">The run's factor in the first sum.</param>
/// <param name="other">In the second.</param>
internal struct RunSums(uint[] keys, ulong one, ulong other)
{
    private ulong first;
    private ulong second;

    /// <summary>What it does to the sums of all weights.</summary>
    public readonly WeightIdentity Total => new(first * one, second * other);

    /// <summary>Sums of the run in those of all weights.</summary>
    public readonly WeightIdentity Times(WeightIdentity sums) => new(sums.First * one, sums.Second * other);

    /// <summary>A number's bits change.</summary>
    /// <param name="place">Its place; of a place among all weights the lowest bits are looked at.</param>
    /// <param name="old">Its bits before.</param>
    /// <param name="now">Its bits after.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Change(int place, int old, int now)
    {
        ref var key = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(keys), place & (WeightIdentity.RunWords - 1));
        var by = (ulong)(uint)now - (uint)old;
        first += by * key;
        second += by * Unsafe.Add(ref key, WeightIdentity.RunWords);
    }
}
