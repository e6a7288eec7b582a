using System.Globalization;
using System.Runtime.InteropServices;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Wire;
using Google.Protobuf.Collections;

namespace G2RL.Onnx.Files;

/// <summary>
/// Reads the tensors of an ONNX file: bytes, typed fields, or a place in a data file. Nothing is allocated before sizes have been checked.
/// </summary>
/// <param name="folder">Where external data lies; null keeps references unchecked.</param>
internal sealed class OnnxTensors(string? folder)
{
    // External constants below this are read at once: shape inference may need them.
    private const long SmallBytes = 1024;

    /// <summary>The tensor.</summary>
    /// <exception cref="GraphException">It breaks a rule; the message says which, and begins with what holds the tensor.</exception>
    public TensorData Read(TensorProto proto, string holder)
    {
        var type = (ElementType)proto.DataType;
        if (!Enum.IsDefined(type))
            throw new GraphException($"{holder} has element type {proto.DataType}; these can be read: {TypeNames}.");
        if (proto.Dims.Count > Graph.MaxRank || proto.Dims.Any(d => d < 0))
            throw new GraphException($"{holder} has the shape [{string.Join(", ", proto.Dims.Take(Graph.MaxRank))}]; "
                + $"at most {Graph.MaxRank} axes of 0 or more are allowed.");
        var data = new TensorData(type, [.. proto.Dims], default);
        try
        {
            _ = data.Length;
        }
        catch (OverflowException e)
        {
            throw new GraphException($"{holder} has the shape [{string.Join(", ", proto.Dims)}], too large for this machine.", e);
        }
        return proto.DataLocation switch
        {
            TensorProto.Types.Location.Default when proto.ExternalData.Count == 0 => data with { Bytes = Inside(proto, data, holder) },
            TensorProto.Types.Location.External => Outside(proto, data, holder),
            _ => throw new GraphException($"{holder} has data location {(int)proto.DataLocation} and {proto.ExternalData.Count} entries of "
                + "external data; a tensor lies either in the model or outside."),
        };
    }

    internal static string TypeNames => string.Join(", ", Enum.GetNames<ElementType>());

    private static ReadOnlyMemory<byte> Inside(TensorProto proto, TensorData data, string holder)
    {
        var typed = proto.FloatData.Count + (long)proto.Int32Data.Count + proto.Int64Data.Count + proto.DoubleData.Count;
        if (typed == 0)
        {
            if (proto.RawData.Length != data.Length)
                throw WrongCount(data, holder, $"{proto.RawData.Length} bytes", $"{data.Length}");
            if (data.Type == ElementType.Bool && proto.RawData.Span.IndexOfAnyExceptInRange((byte)0, (byte)1) >= 0)
                throw new GraphException($"{holder} is Bool and holds a byte other than 0 and 1.");
            return proto.RawData.Memory;
        }
        var field = data.Type switch
        {
            ElementType.Float32 => proto.FloatData.Count,
            ElementType.Float64 => proto.DoubleData.Count,
            ElementType.Int64 => proto.Int64Data.Count,
            _ => proto.Int32Data.Count,
        };
        if (proto.RawData.Length > 0 || field != typed)
            throw new GraphException($"{holder} holds its elements in more than one field, or in one that does not serve {data.Type}.");
        if (field != data.Count)
            throw WrongCount(data, holder, $"{field} elements", $"{data.Count}");
        return data.Type switch
        {
            ElementType.Float32 => Copy(proto.FloatData),
            ElementType.Float64 => Copy(proto.DoubleData),
            ElementType.Int64 => Copy(proto.Int64Data),
            ElementType.Int32 => Copy(proto.Int32Data),
            _ => Narrow(proto.Int32Data, data.Type, holder),
        };
    }

    private static byte[] Copy<T>(RepeatedField<T> field) where T : unmanaged => MemoryMarshal.AsBytes<T>(field.ToArray()).ToArray();

    // int32_data holds one narrow element (or its bit pattern) a number.
    private static byte[] Narrow(RepeatedField<int> field, ElementType type, string holder)
    {
        var (low, high) = type switch
        {
            ElementType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
            ElementType.UInt8 => (byte.MinValue, byte.MaxValue),
            ElementType.Bool => (0, 1),
            _ => (0, (int)ushort.MaxValue),
        };
        var size = type.Size();
        var bytes = new byte[field.Count * size];
        for (var i = 0; i < field.Count; i++)
        {
            if (field[i] < low || field[i] > high)
                throw new GraphException($"{holder} is {type} and holds {field[i]} at element {i}; {low} to {high} is possible.");
            bytes[i * size] = (byte)field[i];
            if (size == 2)
                bytes[(i * size) + 1] = (byte)(field[i] >> 8);
        }
        return bytes;
    }

    private TensorData Outside(TensorProto proto, TensorData data, string holder)
    {
        if (proto.RawData.Length + (long)proto.FloatData.Count + proto.Int32Data.Count + proto.Int64Data.Count + proto.DoubleData.Count > 0)
            throw new GraphException($"{holder} holds elements and names external data; a tensor lies either in the model or outside.");
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in proto.ExternalData)
            if (!entries.TryAdd(entry.Key, entry.Value))
                throw new GraphException($"{holder} gives '{entry.Key}' of its external data twice.");
        long Number(string key, long otherwise) => !entries.TryGetValue(key, out var text) ? otherwise
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw new GraphException($"{holder} gives the {key} '{text}' of its external data; it is a number from 0 to 2^63 - 1.");
        var location = entries.GetValueOrDefault("location", "");
        var place = new ExternalData(location, Number("offset", 0), Number("length", data.Length), folder);
        if (place.Length != data.Length)
            throw WrongCount(data, holder, $"{place.Length} bytes", $"{data.Length}");
        if (place.Offset > long.MaxValue - place.Length)
            throw new GraphException($"{holder} ends beyond 2^63 bytes: offset {place.Offset}, length {place.Length}.");
        if (OnnxDataPath.Fault(location) is { } fault)
            throw new GraphException($"{holder} names the data file '{location}', {fault}. Data files lie in the model's folder.");
        if (folder is null)
            return data with { External = place };
        var path = OnnxDataPath.Resolve(folder, location, holder);
        if (place.Offset + place.Length > new FileInfo(path).Length)
            throw new GraphException($"{holder} lies at {place.Offset} to {place.Offset + place.Length} of {path}, which has "
                + $"{new FileInfo(path).Length} bytes. The data file is truncated, or another model's.");
        return place.Length < SmallBytes ? data with { Bytes = ReadPlace(path, place, holder) } : data with { External = place };
    }

    private static byte[] ReadPlace(string path, ExternalData place, string holder)
    {
        try
        {
            using var file = File.OpenHandle(path);
            var bytes = new byte[place.Length];
            return RandomAccess.Read(file, bytes, place.Offset) == bytes.Length ? bytes : throw new IOException("it became shorter");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new GraphException($"{holder}: {path} cannot be read: {e.Message}", e);
        }
    }

    private static GraphException WrongCount(TensorData data, string holder, string has, string needs) =>
        new($"{holder} has {has}; {data.Type} [{string.Join(", ", data.Shape)}] needs {needs}.");
}
