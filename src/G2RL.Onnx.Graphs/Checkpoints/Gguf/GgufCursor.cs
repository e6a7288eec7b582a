using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace G2RL.Onnx.Checkpoints;

/// <summary>Reads a mapped GGUF file from front to back; what would lie beyond its end is an <see cref="InputException"/>.</summary>
internal sealed class GgufCursor(MappedFile file, long position = 0)
{
    /// <summary>The next byte to be read.</summary>
    public long Position { get; private set; } = position;

    /// <summary>Bytes that follow.</summary>
    public long Left => file.Length - Position;

    public uint UInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <summary>A text of at most <paramref name="most"/> bytes.</summary>
    public string Text(string what, int most) => Encoding.UTF8.GetString(TextBytes(what, most));

    /// <summary>A number as a double or an integer, whichever its type is.</summary>
    public (long? Integer, double? Number) Scalar(GgufType type, string what)
    {
        var bytes = Take(Size(type), what);
        return type switch
        {
            GgufType.UInt8 => (bytes[0], null),
            GgufType.Bool => (bytes[0], null),
            GgufType.Int8 => ((sbyte)bytes[0], null),
            GgufType.UInt16 => (BinaryPrimitives.ReadUInt16LittleEndian(bytes), null),
            GgufType.Int16 => (BinaryPrimitives.ReadInt16LittleEndian(bytes), null),
            GgufType.UInt32 => (BinaryPrimitives.ReadUInt32LittleEndian(bytes), null),
            GgufType.Int32 => (BinaryPrimitives.ReadInt32LittleEndian(bytes), null),
            GgufType.Int64 => (BinaryPrimitives.ReadInt64LittleEndian(bytes), null),
            GgufType.UInt64 =>
                BinaryPrimitives.ReadUInt64LittleEndian(bytes) is <= long.MaxValue and var whole ? ((long)whole, null) : (null, null),
            GgufType.Float32 => (null, BinaryPrimitives.ReadSingleLittleEndian(bytes)),
            _ => (null, BinaryPrimitives.ReadDoubleLittleEndian(bytes)),
        };
    }

    /// <summary>Checks a value and goes beyond it.</summary>
    public GgufValue Value(string key)
    {
        var type = TypeOf(key);
        if (type != GgufType.Array)
        {
            var start = Position;
            Skip(type, 1, key);
            return new(type, false, 1, start);
        }
        var element = TypeOf(key);
        if (element == GgufType.Array)
            throw Fault($"{key} is a list of lists, which no model's metadata needs and is not read.");
        var count = UInt64(key);
        // A text has a length, at least.
        if (count > (ulong)(Left / (element == GgufType.String ? 8 : Size(element))))
            throw Fault($"{key} claims a list of {count} values, but only {Left} bytes follow. The file is truncated or damaged; "
                + "fetch it again.");
        var first = Position;
        Skip(element, (long)count, key);
        return new(element, true, (long)count, first);
    }

    public InputException Fault(string what) => new($"{file.Path}: {what}");

    private GgufType TypeOf(string key)
    {
        var number = UInt32(key);
        return number <= (uint)GgufType.Float64
            ? (GgufType)number
            : throw Fault($"{key} has a value of type {number}; the format has 0 to {(int)GgufType.Float64}.");
    }

    private void Skip(GgufType type, long count, string key)
    {
        switch (type)
        {
            case GgufType.String:
                for (var i = 0L; i < count; i++)
                    TextBytes(key, int.MaxValue);
                break;
            case GgufType.Bool:
                for (var i = 0L; i < count; i++)
                    if (Take(1, key)[0] is > 1 and var other)
                        throw Fault($"{key} holds the truth value {other}; it must be 0 or 1.");
                break;
            default:
                var bytes = count * Size(type);
                if (bytes > Left)
                    throw Truncated(key, (ulong)bytes);
                Position += bytes;
                break;
        }
    }

    private ReadOnlySpan<byte> TextBytes(string what, int most)
    {
        var length = UInt64(what);
        if (length > (ulong)Left)
            throw Truncated(what, length);
        if (length > (ulong)most)
            throw Fault($"{what} has {length} bytes; at most {most} are allowed.");
        var bytes = Take((int)length, what);
        return Utf8.IsValid(bytes) ? bytes : throw Fault($"{what} holds bytes that are no UTF-8.");
    }

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > Left)
            throw Truncated(what, (ulong)count);
        var bytes = file.Bytes(Position, count);
        Position += count;
        return bytes;
    }

    private InputException Truncated(string what, ulong bytes) =>
        Fault($"{what} would take {bytes} bytes, but only {Left} follow. The file is truncated or damaged; fetch it again.");

    private static int Size(GgufType type) => type switch
    {
        GgufType.UInt8 or GgufType.Int8 or GgufType.Bool => 1,
        GgufType.UInt16 or GgufType.Int16 => 2,
        GgufType.UInt32 or GgufType.Int32 or GgufType.Float32 => 4,
        _ => 8,
    };
}
