using System.Text;

namespace G2RL.Onnx.Problems;

/// <summary>
/// Random numbers for drawing problems, counter-based: value k of a stream is a pure function of (seed, stream, k), so a batch does not
/// depend on what was drawn before it, on the process or on the platform.
/// </summary>
/// <remarks>The mixer is SplitMix64's finalizer (Steele, Lea, Flood 2014, with Stafford's constants). Not for cryptography.</remarks>
internal struct ProblemRandom(ulong seed, ulong stream)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private readonly ulong key = Mix(Mix(seed + Golden) ^ (stream + Golden));
    private ulong counter;

    /// <summary>Value <paramref name="index"/> of the stream, 64 uniform bits.</summary>
    public static ulong Value(ulong seed, ulong stream, ulong index) => Mix(Mix(Mix(seed + Golden) ^ (stream + Golden)) + (index * Golden));

    /// <summary>One stream number out of two, for keys such as (purpose, step).</summary>
    public static ulong Stream(ulong first, ulong second) => Mix((first * Golden) ^ Mix(second + Golden));

    /// <summary>
    /// 64 bits of a text: FNV-1a over its UTF-8 bytes, mixed. Fixed for all time: train and held-out problems are split by it.
    /// </summary>
    public static ulong Hash(string text)
    {
        var hash = 0xCBF29CE484222325UL;
        foreach (var b in Encoding.UTF8.GetBytes(text))
            hash = unchecked((hash ^ b) * 0x100000001B3);
        return Mix(hash);
    }

    /// <summary>The next value, 64 uniform bits.</summary>
    public ulong Next() => Mix(key + (counter++ * Golden));

    /// <summary>A uniform integer in [0, <paramref name="count"/>), <paramref name="count"/> >= 1 (bias below 2^-32 for any int).</summary>
    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    /// <summary>A uniform integer in [<paramref name="low"/>, <paramref name="high"/>], both ends included.</summary>
    public int Between(int low, int high) => low + Below(checked(high - low + 1));

    /// <summary>A uniform number in [0, 1).</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A uniform permutation of 0 .. count - 1 (Fisher-Yates).</summary>
    public int[] Permutation(int count)
    {
        var order = Enumerable.Range(0, count).ToArray();
        for (var i = count - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    private static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
