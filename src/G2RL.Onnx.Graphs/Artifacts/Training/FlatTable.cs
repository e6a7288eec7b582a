using System.Buffers.Binary;
using System.Text;

namespace G2RL.Onnx.Artifacts.Training;

/// <summary>
/// Reads a table of a flatbuffer. Every position is checked before it is read, so that damaged files end in an
/// <see cref="InputException"/>, and nothing is copied, so that a mapped file of 2 GiB costs no memory. (The library's own reader wants an
/// array and trusts what it reads.)
/// </summary>
/// <remarks>Source: the flatbuffers binary format: 32-bit offsets, a signed offset to a vtable of 16-bit slots, little-endian.</remarks>
internal readonly ref struct FlatTable
{
    private readonly ReadOnlySpan<byte> data;
    private readonly string source;
    private readonly int table;
    private readonly int vtable;
    private readonly int slots;

    private FlatTable(ReadOnlySpan<byte> data, string source, long table)
    {
        this.data = data;
        this.source = source;
        this.table = Within(table, sizeof(int));
        vtable = Within(this.table - (long)Int32(this.table), 4);
        var bytes = BinaryPrimitives.ReadUInt16LittleEndian(data[vtable..]);
        Within(vtable, bytes);
        slots = Math.Max(0, (bytes - 4) / 2);
    }

    /// <summary>The root table of a buffer that begins with its offset.</summary>
    public static FlatTable Root(ReadOnlySpan<byte> data, string source)
    {
        if (data.Length < 8)
            throw new InputException($"{source} has {data.Length} bytes; it is empty or truncated.");
        return new(data, source, BinaryPrimitives.ReadUInt32LittleEndian(data));
    }

    public int Int32(int slot, int otherwise) => Place(slot, sizeof(int)) is >= 0 and var at ? Int32(at) : otherwise;

    public long Int64(int slot, long otherwise) =>
        Place(slot, sizeof(long)) is >= 0 and var at ? BinaryPrimitives.ReadInt64LittleEndian(data[at..]) : otherwise;

    public float Single(int slot, float otherwise) =>
        Place(slot, sizeof(float)) is >= 0 and var at ? BinaryPrimitives.ReadSingleLittleEndian(data[at..]) : otherwise;

    public bool Bool(int slot) => Place(slot, 1) is >= 0 and var at && data[at] != 0;

    /// <summary>Whether a slot is filled.</summary>
    public bool Has(int slot) => Place(slot, sizeof(int)) >= 0;

    /// <summary>A text; null where the slot is empty.</summary>
    public string? Text(int slot)
    {
        if (!Has(slot))
            return null;
        var (start, count) = Vector(slot, 1);
        try
        {
            return Strict.GetString(data.Slice(start, count));
        }
        catch (DecoderFallbackException e)
        {
            throw new InputException($"{source} holds a text that is no UTF-8; it is damaged.", e);
        }
    }

    /// <summary>Whole numbers; null where the slot is empty.</summary>
    public long[]? Longs(int slot)
    {
        if (!Has(slot))
            return null;
        var (start, count) = Vector(slot, sizeof(long));
        var values = new long[count];
        for (var i = 0; i < count; i++)
            values[i] = BinaryPrimitives.ReadInt64LittleEndian(data[(start + (i * sizeof(long)))..]);
        return values;
    }

    /// <summary>Where a vector of bytes lies; null where the slot is empty.</summary>
    public (int Start, int Count)? Bytes(int slot) => Has(slot) ? Vector(slot, 1) : null;

    /// <summary>A table behind a slot that is filled.</summary>
    public FlatTable Table(int slot) => new(data, source, Target(Place(slot, sizeof(int))));

    /// <summary>Number of tables behind a slot; 0 where it is empty.</summary>
    public int Count(int slot) => Has(slot) ? Vector(slot, sizeof(int)).Count : 0;

    /// <summary>A table of a vector.</summary>
    public FlatTable Item(int slot, int index) => new(data, source, Target(Vector(slot, sizeof(int)).Start + (index * sizeof(int))));

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    // The position of a slot's value, or -1 where it is left out.
    private int Place(int slot, int bytes)
    {
        if (slot >= slots)
            return -1;
        var offset = BinaryPrimitives.ReadUInt16LittleEndian(data[(vtable + 4 + (2 * slot))..]);
        return offset == 0 ? -1 : Within(table + (long)offset, bytes);
    }

    private (int Start, int Count) Vector(int slot, int elementBytes)
    {
        var at = Within(Target(Place(slot, sizeof(int))), sizeof(int));
        var count = BinaryPrimitives.ReadUInt32LittleEndian(data[at..]);
        return (Within(at + (long)sizeof(int), count * (long)elementBytes), (int)count);
    }

    private long Target(int at) => at + (long)BinaryPrimitives.ReadUInt32LittleEndian(data[at..]);

    private int Int32(int at) => BinaryPrimitives.ReadInt32LittleEndian(data[at..]);

    private int Within(long at, long bytes) => at >= 0 && at <= data.Length - bytes
        ? (int)at
        : throw new InputException($"{source} points to byte {at}, {bytes} bytes long; it has {data.Length}. It is truncated or damaged.");
}
