using System.Buffers.Binary;
using System.Text;

namespace G2RL.Onnx.Converter.Tests.Fuzz;

/// <summary>Seeded changes of bytes: flips, cuts, copies, extreme numbers; and of JSON's texts.</summary>
internal static class Mutation
{
    private static readonly ulong[] Extremes = [0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000,
        0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, ulong.MaxValue, ulong.MaxValue - 7];

    private static readonly byte[][] Fragments =
    [
        .. new[]
        {
            "null", "-1", "0", "1e99", "1e-400", "{}", "[]", "\"\"", "true", "false", "2147483648", "9223372036854775807", "18446744073709"
                + "551616", "0.5", "[[[[[[[[", "\\ud800", "\\u0000", "\"a\":1,",
            "((((", "é", "../", "/etc/", "\"\\\\\"", "😀", "\uFEFF", ",", ":", "NaN", new string('9', 400),
        }.Select(Encoding.UTF8.GetBytes),
    ];

    /// <summary>One change or, seldom, up to three: each more is likelier to be refused for the first thing that is wrong.</summary>
    /// <param name="random">Seeded.</param>
    /// <param name="samples">Good files; one is changed, others are copied from.</param>
    /// <param name="hot">Bytes of a sample, from its beginning, that most changes shall hit; 0: all alike.</param>
    /// <param name="isText">Whether the files are JSON, or begin with it.</param>
    public static byte[] Of(Random random, IReadOnlyList<byte[]> samples, int hot, bool isText)
    {
        var bytes = samples[random.Next(samples.Count)].ToList();
        var other = samples[random.Next(samples.Count)];
        for (var changes = random.Next(3) == 0 ? random.Next(1, 4) : 1; changes > 0 && bytes.Count > 0; changes--)
        {
            var at = random.Next(hot > 0 && random.Next(8) > 0 ? Math.Min(hot, bytes.Count) : bytes.Count);
            switch (random.Next(isText ? 9 : 7))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes.RemoveRange(at, Math.Min(random.Next(3) == 0 ? random.Next(1, 24) : 1, bytes.Count - at)); break;
                case 3: Insert(bytes, at, other, random); break;
                case 4: Overwrite(bytes, at, random); break;
                case 5 when random.Next(6) == 0: bytes.RemoveRange(at, bytes.Count - at); break;
                case 5: bytes[at] = (byte)Math.Clamp(bytes[at] + random.Next(-2, 3), 0, 255); break;
                case 6: Insert(bytes, at, [.. bytes], random); break;
                case 7: bytes.InsertRange(at, Fragments[random.Next(Fragments.Length)]); break;
                default: Number(bytes, at, random); break;
            }
        }
        return [.. bytes];
    }

    private static void Insert(List<byte> bytes, int at, byte[] from, Random random)
    {
        var start = random.Next(from.Length);
        bytes.InsertRange(
            at,
            from.AsSpan(start, Math.Min(random.Next(3) == 0 ? random.Next(80) : random.Next(4), from.Length - start)).ToArray());
    }

    private static void Overwrite(List<byte> bytes, int at, Random random)
    {
        var (number, width) = (Extremes[random.Next(Extremes.Length)], random.Next(2) == 0 ? 4 : 8);
        Span<byte> word = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(word, number);
        for (var i = 0; i < width && at + i < bytes.Count; i++)
            bytes[at + i] = word[i];
    }

    // The next number from here on becomes another one.
    private static void Number(List<byte> bytes, int at, Random random)
    {
        while (at < bytes.Count && !char.IsAsciiDigit((char)bytes[at]))
            at++;
        var end = at;
        while (end < bytes.Count && char.IsAsciiDigit((char)bytes[end]))
            end++;
        bytes.RemoveRange(at, end - at);
        bytes.InsertRange(at, Encoding.ASCII.GetBytes(random.Next(3) switch
        {
            0 =>
            $"{Extremes[random.Next(Extremes.Length)]}",
            1 => $"{random.Next(100)}",
            _ => $"-{random.Next(100)}"
        }));
    }
}
