using System.Buffers.Binary;
using System.Numerics;

namespace G2RL.Onnx.Training.Trackers;

/// <summary>
/// Records of a TFRecord file: length (8 bytes, little endian), masked CRC-32C of those bytes, data, masked CRC-32C of the data.
/// Source: tensorflow.org, "TFRecord and tf.train.Example".
/// </summary>
internal static class TfRecords
{
    private const int Head = 12;
    private const int Tail = 4;
    private const uint MaskDelta = 0xa282ead8;

    /// <summary>Writes a record.</summary>
    public static void Write(Stream stream, ReadOnlySpan<byte> data)
    {
        Span<byte> frame = stackalloc byte[Head];
        BinaryPrimitives.WriteInt64LittleEndian(frame, data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], MaskedCrc(frame[..8]));
        stream.Write(frame);
        stream.Write(data);
        BinaryPrimitives.WriteUInt32LittleEndian(frame, MaskedCrc(data));
        stream.Write(frame[..Tail]);
    }

    /// <summary>The whole records from the beginning, up to one that is torn or damaged.</summary>
    public static IEnumerable<byte[]> Read(byte[] file)
    {
        for (var at = 0; Whole(file, at) is { } length; at += Head + length + Tail)
            yield return file[(at + Head)..(at + Head + length)];
    }

    /// <summary>The sum that the format wants: CRC-32C, turned and shifted so that sums of sums are no sums.</summary>
    internal static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
            crc = BitOperations.Crc32C(crc, value);
        return BitOperations.RotateRight(~crc, 15) + MaskDelta;
    }

    // Length of the record that begins at a place; null where none is whole.
    private static int? Whole(ReadOnlySpan<byte> file, int at)
    {
        if (file.Length - at < Head + Tail)
            return null;
        var head = file.Slice(at, Head);
        var length = BinaryPrimitives.ReadInt64LittleEndian(head);
        if (length < 0 || length > file.Length - at - Head - Tail
            || BinaryPrimitives.ReadUInt32LittleEndian(head[8..]) != MaskedCrc(head[..8]))
            return null;
        var data = file.Slice(at + Head, (int)length);
        return BinaryPrimitives.ReadUInt32LittleEndian(file[(at + Head + (int)length)..]) == MaskedCrc(data) ? (int)length : null;
    }
}
