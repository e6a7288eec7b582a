using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Artifacts.Training;

/// <summary>
/// A tensor for <see cref="OrtCheckpointWriter"/>: what it is, and a function that puts its bytes on a stream when its turn comes.
/// </summary>
/// <param name="Name">Its name; none twice in a checkpoint.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Type">Float32, Float64, Int8, UInt8, Int64 or Bool: the training runtime reads no other.</param>
/// <param name="Write">Writes exactly <see cref="Length"/> bytes, little-endian.</param>
public sealed record OrtTensor(string Name, long[] Shape, ElementType Type, Action<Stream> Write)
{
    // Bytes put on a stream at once.
    private const int Piece = 1 << 20;

    /// <summary>Bytes it takes.</summary>
    public long Length => Shape.Aggregate((long)Type.Size(), (product, size) => checked(product * size));

    /// <summary>A float32 tensor; no copy of it is made.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its sizes.</param>
    /// <param name="values">Gives every element, asked for <paramref name="name"/>.</param>
    public static OrtTensor Floats(string name, IReadOnlyList<long> shape, WeightSource values) =>
        new(name, [.. shape], ElementType.Float32, stream => WriteFloats(stream, values(name)));

    /// <summary>Whether the training runtime reads tensors of a type in a checkpoint.</summary>
    public static bool IsAllowed(ElementType type) =>
        type is ElementType.Float32 or ElementType.Float64 or ElementType.Int8 or ElementType.UInt8 or ElementType.Int64
            or ElementType.Bool;

    internal static void WriteFloats(Stream stream, ReadOnlySpan<float> values)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("ORT checkpoints are written on little-endian machines only.");
        // A span of bytes ends at 2 GiB, so go in pieces.
        for (; values.Length > Piece; values = values[Piece..])
            stream.Write(MemoryMarshal.AsBytes(values[..Piece]));
        stream.Write(MemoryMarshal.AsBytes(values));
    }
}
