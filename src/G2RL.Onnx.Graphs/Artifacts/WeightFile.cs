using System.Security.Cryptography;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Artifacts;

/// <summary>
/// Writes the data file that all graphs of a folder share: piece by piece, so that no tensor is ever held, hashed on the way.
/// </summary>
internal sealed class WeightFile : IDisposable
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "weights.bin";

    // The page size of every system, so that a runtime can map a tensor.
    private const int Alignment = 4096;

    private const int Piece = 1 << 18;

    private readonly FileStream stream;
    private readonly byte[] stored = new byte[Piece * sizeof(float)];
    private readonly float[] floats = new float[Piece];

    public WeightFile(string path) => stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);

    /// <summary>Bytes written so far.</summary>
    public long Length => stream.Position;

    /// <summary>Bytes that a tensor takes, alignment included.</summary>
    public static long Space(long bytes) => checked((bytes + Alignment - 1) / Alignment * Alignment);

    /// <summary>Appends a checkpoint's tensor in a stored type; a weight has to be finite in it.</summary>
    public (long Offset, long Bytes, string Sha256) Append(SafeTensorsFile file, TensorInfo tensor, SafeTensorsDtype dtype, bool isWeight)
    {
        var (offset, source, size) = (Begin(), tensor.Dtype.Bytes(), dtype.Bytes());
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var first = 0L; first < tensor.Count; first += Piece)
        {
            var count = (int)Math.Min(Piece, tensor.Count - first);
            var bytes = file.RawBytes(tensor.Name, first * source, count * source);
            if (isWeight)
            {
                var values = floats.AsSpan(0, count);
                FloatConversion.ToFloats(tensor.Dtype, bytes, values);
                if (dtype != tensor.Dtype)
                {
                    var narrow = stored.AsSpan(0, count * size);
                    FloatConversion.FromFloats(dtype, values, narrow);
                    // Read back what was rounded: 70,000 is finite, and infinite in F16.
                    FloatConversion.ToFloats(dtype, narrow, values);
                    bytes = narrow;
                }
                if (FloatConversion.FirstNonFinite(values) is >= 0 and var bad)
                    throw new InputException($"{file.Path}: tensor '{tensor.Name}' is not finite as {dtype} at element {first + bad}. "
                        + "The checkpoint is damaged, or the precision too narrow.");
            }
            hash.AppendData(bytes);
            stream.Write(bytes);
        }
        return (offset, stream.Position - offset, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Appends floats.</summary>
    public (long Offset, long Bytes) Append(ReadOnlySpan<float> values)
    {
        var offset = Begin();
        for (var first = 0; first < values.Length; first += Piece)
        {
            var part = values.Slice(first, Math.Min(Piece, values.Length - first));
            var bytes = stored.AsSpan(0, part.Length * sizeof(float));
            FloatConversion.FromFloats(SafeTensorsDtype.F32, part, bytes);
            stream.Write(bytes);
        }
        return (offset, stream.Position - offset);
    }

    /// <summary>Appends what is given piece by piece.</summary>
    public ConvertedPlace Append(Action<Action<ReadOnlySpan<byte>>> write)
    {
        var offset = Begin();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        write(bytes =>
        {
            hash.AppendData(bytes);
            stream.Write(bytes);
        });
        return new(offset, stream.Position - offset, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Waits until the bytes are on the disk.</summary>
    public void Flush() => stream.Flush(flushToDisk: true);

    public void Dispose() => stream.Dispose();

    private long Begin()
    {
        stream.Position = Space(stream.Position);
        return stream.Position;
    }
}
