using System.Runtime.InteropServices;

namespace G2RL.Onnx.Graphs;

/// <summary>The bytes of a constant tensor, or where they come from.</summary>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Lengths of its axes; empty for a scalar.</param>
/// <param name="Bytes">Little-endian row-major elements; empty when <paramref name="External"/> or <see cref="Writer"/> is given.</param>
/// <param name="External">Place in an external data file, or null.</param>
public sealed record TensorData(ElementType Type, IReadOnlyList<long> Shape, ReadOnlyMemory<byte> Bytes, ExternalData? External = null)
{
    /// <summary>
    /// Writes the bytes when a file is saved, so that a tensor of any size need not lie in memory; null where the bytes are here.
    /// </summary>
    public Action<Stream>? Writer { get; init; }

    /// <summary>Whether <see cref="Bytes"/> holds the elements.</summary>
    public bool IsHere => External is null && Writer is null;

    /// <summary>A tensor whose bytes are produced when a file is saved.</summary>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Lengths of its axes.</param>
    /// <param name="writer">Writes exactly <see cref="Length"/> bytes, little-endian and row-major.</param>
    public static TensorData Streamed(
        ElementType type,
        IReadOnlyList<long> shape,
        Action<Stream> writer) => new(type, shape, default) { Writer = writer };

    /// <summary>A float32 tensor.</summary>
    public static TensorData Of(ReadOnlySpan<float> values, params long[] shape) =>
        Make(ElementType.Float32, MemoryMarshal.AsBytes(values), shape);

    /// <summary>A float64 tensor.</summary>
    public static TensorData Of(ReadOnlySpan<double> values, params long[] shape) =>
        Make(ElementType.Float64, MemoryMarshal.AsBytes(values), shape);

    /// <summary>An int64 tensor.</summary>
    public static TensorData Of(ReadOnlySpan<long> values, params long[] shape) =>
        Make(ElementType.Int64, MemoryMarshal.AsBytes(values), shape);

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));

    /// <summary>Number of bytes.</summary>
    public long Length => checked(Count * Type.Size());

    /// <summary>The elements as int64; only for an int64 tensor held here.</summary>
    public ReadOnlySpan<long> AsInt64() => Type == ElementType.Int64 && IsHere
        ? MemoryMarshal.Cast<byte, long>(Bytes.Span)
        : throw new InvalidOperationException($"A {Type} tensor{(IsHere ? "" : " outside the graph")} has no int64 elements here.");

    private static TensorData Make(ElementType type, ReadOnlySpan<byte> bytes, long[] shape)
    {
        var data = new TensorData(type, shape, bytes.ToArray());
        return data.Count * type.Size() == bytes.Length
            ? data
            : throw new ArgumentException(
                $"{bytes.Length / type.Size()} elements do not fill shape [{string.Join(", ", shape)}].",
                nameof(shape));
    }
}

/// <summary>A place in a file beside the graph's file.</summary>
/// <param name="Location">File name relative to the graph's folder.</param>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Folder">Folder of the graph's file, when the graph was read from one; null when the place is only a promise.</param>
public sealed record ExternalData(string Location, long Offset, long Length, string? Folder = null);
