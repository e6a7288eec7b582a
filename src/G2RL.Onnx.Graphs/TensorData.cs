using System.Runtime.InteropServices;

namespace G2RL.Onnx.Graphs;

/// <summary>The bytes of a constant tensor, or where they lie outside the graph's file.</summary>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Lengths of its axes; empty for a scalar.</param>
/// <param name="Bytes">Little-endian row-major elements; empty when <paramref name="External"/> is given.</param>
/// <param name="External">Place in an external data file, or null.</param>
public sealed record TensorData(ElementType Type, IReadOnlyList<long> Shape, ReadOnlyMemory<byte> Bytes, ExternalData? External = null)
{
    /// <summary>A float32 tensor.</summary>
    public static TensorData Of(ReadOnlySpan<float> values, params long[] shape) => Make(ElementType.Float32, MemoryMarshal.AsBytes(values), shape);

    /// <summary>A float64 tensor.</summary>
    public static TensorData Of(ReadOnlySpan<double> values, params long[] shape) => Make(ElementType.Float64, MemoryMarshal.AsBytes(values), shape);

    /// <summary>An int64 tensor.</summary>
    public static TensorData Of(ReadOnlySpan<long> values, params long[] shape) => Make(ElementType.Int64, MemoryMarshal.AsBytes(values), shape);

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));

    /// <summary>The elements as int64; only for an int64 tensor held here.</summary>
    public ReadOnlySpan<long> AsInt64() => Type == ElementType.Int64 && External is null
        ? MemoryMarshal.Cast<byte, long>(Bytes.Span)
        : throw new InvalidOperationException($"A {Type} tensor{(External is null ? "" : " in an external file")} has no int64 elements here.");

    private static TensorData Make(ElementType type, ReadOnlySpan<byte> bytes, long[] shape)
    {
        var data = new TensorData(type, shape, bytes.ToArray());
        return data.Count * type.Size() == bytes.Length
            ? data
            : throw new ArgumentException($"{bytes.Length / type.Size()} elements do not fill shape [{string.Join(", ", shape)}].", nameof(shape));
    }
}

/// <summary>A place in a file beside the graph's file.</summary>
/// <param name="Location">File name relative to the graph's folder.</param>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
public sealed record ExternalData(string Location, long Offset, long Length);
