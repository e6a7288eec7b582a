using System.Runtime.CompilerServices;

namespace G2RL.Onnx.Execution;

/// <summary>What blocks of a difference begin with, and how they write numbers.</summary>
internal static class DeltaCode
{
    /// <summary>Four planes follow.</summary>
    public const byte Planes = 4;

    /// <summary>Two planes follow, of the upper halves.</summary>
    public const byte NarrowPlanes = 2;

    /// <summary>Places follow; see <see cref="DeltaPlaces"/>.</summary>
    public const byte Places = 3;

    /// <summary>Places follow, with differences of the upper halves.</summary>
    public const byte NarrowPlaces = 1;

    /// <summary>A whole number as one whose small values, of either sign, are small.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ZigZag(int d) => (uint)((d << 1) ^ (d >> 31));

    /// <summary>And back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int UnZigZag(uint z) => (int)(z >> 1) ^ -(int)(z & 1);

    /// <summary>Writes a number, seven bits a byte.</summary>
    public static void WriteNumber(MemoryStream written, int value)
    {
        for (; value >= 0x80; value >>= 7)
            written.WriteByte((byte)(value | 0x80));
        written.WriteByte((byte)value);
    }

    /// <summary>Reads one of up to 28 bits.</summary>
    /// <exception cref="InvalidDataException">It is longer, or not whole.</exception>
    public static int TakeNumber(ref ReadOnlySpan<byte> rest)
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

    /// <summary>Reads bytes.</summary>
    /// <exception cref="InvalidDataException">There are not as many.</exception>
    public static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> rest, int count)
    {
        if (count > rest.Length)
            throw new InvalidDataException("A difference ends before its end.");
        var taken = rest[..count];
        rest = rest[count..];
        return taken;
    }
}

/// <summary>Room in which one thread makes or applies a block of a difference.</summary>
internal sealed class DeltaScratch
{
    public int[] Old { get; } = new int[WeightDelta.BlockWords];

    public int[] Now { get; } = new int[WeightDelta.BlockWords];

    public int[] Differences { get; } = new int[WeightDelta.BlockWords];

    /// <summary>Places of numbers that changed; a vector of them is written at once.</summary>
    public int[] Places { get; } = new int[DeltaPlaces.Most + 32];

    public byte[] Plane { get; } = new byte[WeightDelta.BlockWords];

    public byte[] Packed { get; } = new byte[WeightDelta.BlockWords + 4096];

    /// <summary>A part, as it is written.</summary>
    public MemoryStream Written { get; } = new();

    /// <summary>A block in which few numbers changed, as it is written.</summary>
    public byte[] Few { get; } = new byte[DeltaPlaces.MostBytes];
}
