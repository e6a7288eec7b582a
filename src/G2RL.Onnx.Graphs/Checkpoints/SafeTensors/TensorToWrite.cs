using System.Buffers;

namespace G2RL.Onnx.Checkpoints.SafeTensors;

/// <summary>Gives a weight by Hugging Face's name, row-major; called when its turn to be written comes, once a tensor.</summary>
public delegate ReadOnlySpan<float> WeightSource(string name);

/// <summary>
/// A tensor for <see cref="SafeTensorsWriter"/>: what it is, and a function that puts its bytes on a stream when its turn comes.
/// </summary>
/// <param name="Name">Its name; none twice in a file.</param>
/// <param name="Dtype">Its stored type.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Write">Writes exactly product(Shape) * bytes(Dtype) bytes, little-endian.</param>
public sealed record TensorToWrite(string Name, SafeTensorsDtype Dtype, long[] Shape, Action<Stream> Write)
{
    private const int Piece = 1 << 16;

    /// <summary>Bytes it takes in the file.</summary>
    public long Length => Shape.Aggregate((long)Dtype.Bytes(), (product, size) => checked(product * size));

    /// <summary>
    /// A tensor given as floats, rounded to nearest (ties to even) where the stored type is shorter; no copy of it is made.
    /// </summary>
    /// <param name="name">Its name.</param>
    /// <param name="dtype">F32, F16 or BF16.</param>
    /// <param name="shape">Its sizes.</param>
    /// <param name="values">Gives every element, all finite; asked for <paramref name="name"/>.</param>
    /// <exception cref="InputException">(While writing) an element is NaN or infinite, or becomes infinite by rounding to F16 or
    /// BF16.</exception>
    public static TensorToWrite Floats(string name, SafeTensorsDtype dtype, long[] shape, WeightSource values)
    {
        if (!dtype.IsWeight())
            throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Weights are F32, F16 or BF16.");
        return new TensorToWrite(name, dtype, shape, stream => WriteFloats(stream, name, dtype, values(name)));
    }

    private static void WriteFloats(Stream stream, string name, SafeTensorsDtype dtype, ReadOnlySpan<float> values)
    {
        // A tensor's own arrays would all be large objects, and a checkpoint a good part of a small run's memory.
        var (stored, back) = (ArrayPool<byte>.Shared.Rent(Piece * sizeof(float)), ArrayPool<float>.Shared.Rent(Piece));
        try
        {
            WriteFloats(stream, name, dtype, values, stored, back);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
            ArrayPool<float>.Shared.Return(back);
        }
    }

    private static void WriteFloats(
        Stream stream,
        string name,
        SafeTensorsDtype dtype,
        ReadOnlySpan<float> values,
        byte[] stored,
        float[] back)
    {
        var size = dtype.Bytes();
        for (var done = 0; done < values.Length; done += Piece)
        {
            var piece = values.Slice(done, Math.Min(Piece, values.Length - done));
            var bytes = stored.AsSpan(0, piece.Length * size);
            FloatConversion.FromFloats(dtype, piece, bytes);
            // Read back what was rounded: 70,000 is finite, and infinite in F16.
            var check = back.AsSpan(0, piece.Length);
            FloatConversion.ToFloats(dtype, bytes, check);
            if (FloatConversion.FirstNonFinite(check) is >= 0 and var bad)
                throw new InputException($"tensor '{name}' holds {piece[bad]} at element {done + bad}, which {dtype} cannot store as a "
                    + "finite number. Training has diverged, or the type is too narrow.");
            stream.Write(bytes);
        }
    }
}
