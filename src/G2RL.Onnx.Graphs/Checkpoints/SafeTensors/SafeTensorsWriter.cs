using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace G2RL.Onnx.Checkpoints.SafeTensors;

/// <summary>Writes a safetensors file as a stream: tensors come one at a time, so no copy of a model is held.</summary>
public static class SafeTensorsWriter
{
    /// <summary>What Hugging Face's own loader asks for.</summary>
    public static IReadOnlyDictionary<string, string> DefaultMetadata { get; } = new Dictionary<string, string>(
        StringComparer.Ordinal)
    { ["format"] = "pt" };

    /// <summary>Writes a new file; one that exists is replaced.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">In the order in which they shall lie in the file.</param>
    /// <param name="metadata">The header's free texts; null: <see cref="DefaultMetadata"/>.</param>
    /// <param name="flush">Wait until the bytes are on the disk (fsync).</param>
    /// <exception cref="ArgumentException">A name twice, or a tensor that wrote another number of bytes than its shape says.</exception>
    public static void Write(
        string path,
        IReadOnlyList<TensorToWrite> tensors,
        IReadOnlyDictionary<string, string>? metadata = null,
        bool flush = true)
    {
        var header = Header(tensors, metadata ?? DefaultMetadata);
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        stream.Write(header);
        foreach (var tensor in tensors)
        {
            var start = stream.Position;
            tensor.Write(stream);
            if (stream.Position - start != tensor.Length)
                throw new ArgumentException($"Tensor '{tensor.Name}' wrote {stream.Position - start} bytes; "
                    + $"{tensor.Dtype} [{string.Join(", ", tensor.Shape)}] has {tensor.Length}.");
        }
        stream.Flush(flush);
    }

    // The reference implementation's layout, byte for byte: compact JSON, then spaces until the data begins at a multiple of eight.
    private static byte[] Header(IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var buffer = new MemoryStream();
        buffer.Write(stackalloc byte[8]);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata)
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            var names = new HashSet<string>(StringComparer.Ordinal) { "__metadata__" };
            long offset = 0;
            foreach (var tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new ArgumentException($"The name '{tensor.Name}' is given twice, or is reserved.");
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Dtype.ToString());
                WriteList(json, "shape", tensor.Shape);
                WriteList(json, "data_offsets", [offset, checked(offset + tensor.Length)]);
                json.WriteEndObject();
                offset += tensor.Length;
            }
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        var bytes = buffer.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)bytes.Length - 8);
        return bytes;
    }

    private static void WriteList(Utf8JsonWriter json, string key, ReadOnlySpan<long> values)
    {
        json.WriteStartArray(key);
        foreach (var value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
