using System.Buffers.Binary;
using System.Text;

namespace G2RL.Onnx.Checkpoints;

/// <summary>A tensor to be written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Outermost first.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Fill">Gives them.</param>
internal sealed record GgufOutput(string Name, long[] Shape, GgmlType Type, Action<Span<float>> Fill)
{
    public long Count => Shape.Aggregate(1L, (a, b) => checked(a * b));

    public long Bytes => Count / Type.BlockElements() * Type.BlockBytes();
}

/// <summary>The metadata of a GGUF file, as it is written.</summary>
internal sealed class GgufEntries
{
    private readonly List<byte[]> entries = [];

    public int Count => entries.Count;

    public long Length => entries.Sum(e => (long)e.Length);

    /// <summary>Writes them one behind the other.</summary>
    public void WriteTo(BinaryWriter writer)
    {
        foreach (var entry in entries)
            writer.Write(entry);
    }

    public void Number(string key, int value) => Entry(key, GgufType.UInt32, w => w.Write((uint)value));

    public void Real(string key, double value) => Entry(key, GgufType.Float32, w => w.Write((float)value));

    public void Flag(string key, bool value) => Entry(key, GgufType.Bool, w => w.Write(value));

    public void Text(string key, string value) => Entry(key, GgufType.String, w => Write(w, value));

    public void Texts(string key, IReadOnlyCollection<string> values) => List(key, GgufType.String, values, Write);

    public void Numbers(string key, IReadOnlyCollection<int> values) => List(key, GgufType.Int32, values, (w, v) => w.Write(v));

    public void Reals(string key, IReadOnlyCollection<float> values) => List(key, GgufType.Float32, values, (w, v) => w.Write(v));

    internal static void Write(BinaryWriter writer, string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)utf8.Length);
        writer.Write(utf8);
    }

    private void List<T>(string key, GgufType type, IReadOnlyCollection<T> values, Action<BinaryWriter, T> write) =>
        Entry(key, GgufType.Array, writer =>
        {
            writer.Write((uint)type);
            writer.Write((ulong)values.Count);
            foreach (var value in values)
                write(writer, value);
        });

    private void Entry(string key, GgufType type, Action<BinaryWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            Write(writer, key);
            writer.Write((uint)type);
            write(writer);
        }
        entries.Add(stream.ToArray());
    }
}

/// <summary>Writes GGUF version 3: header, metadata, tensor entries, and the tensors at multiples of 32 bytes, one at a time.</summary>
internal static class GgufFileWriter
{
    private const int Alignment = 32;

    public static void Write(string path, GgufEntries entries, IReadOnlyList<GgufOutput> tensors)
    {
        ModelFolder.CheckRoom(path, entries.Length + tensors.Sum(t => Padded(t.Bytes) + 256));
        var aside = path + ".partial";
        try
        {
            if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
                Directory.CreateDirectory(folder);
            using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write))
            {
                Head(stream, entries, tensors);
                foreach (var tensor in tensors)
                    Tensor(stream, tensor);
                stream.Flush(flushToDisk: true);
            }
            File.Move(aside, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be written: {e.Message} Choose another file.", e);
        }
        finally
        {
            File.Delete(aside);
        }
    }

    private static void Head(FileStream stream, GgufEntries entries, IReadOnlyList<GgufOutput> tensors)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)entries.Count);
        entries.WriteTo(writer);
        var offset = 0L;
        foreach (var tensor in tensors)
        {
            GgufEntries.Write(writer, tensor.Name);
            writer.Write((uint)tensor.Shape.Length);
            for (var i = tensor.Shape.Length - 1; i >= 0; i--)
                writer.Write((ulong)tensor.Shape[i]);
            writer.Write((uint)tensor.Type);
            writer.Write((ulong)offset);
            offset += Padded(tensor.Bytes);
        }
        writer.Flush();
        Pad(stream);
    }

    private static void Tensor(FileStream stream, GgufOutput tensor)
    {
        var values = new float[checked((int)tensor.Count)];
        tensor.Fill(values);
        if (FloatConversion.FirstNonFinite(values) is >= 0 and var bad)
            throw new InputException($"Tensor '{tensor.Name}' holds {values[bad]} at element {bad}; weights must be finite.");
        const int Piece = 1 << 16;
        var bytes = new byte[Piece / tensor.Type.BlockElements() * tensor.Type.BlockBytes()];
        for (var done = 0; done < values.Length; done += Piece)
        {
            var part = values.AsSpan(done, Math.Min(Piece, values.Length - done));
            var encoded = bytes.AsSpan(0, part.Length / tensor.Type.BlockElements() * tensor.Type.BlockBytes());
            if (tensor.Type == GgmlType.Q8_0)
                PackQ8(part, encoded, tensor.Name);
            else
                FloatConversion.FromFloats(tensor.Type.Stored(), part, encoded);
            if (tensor.Type == GgmlType.F16 && Overflows(encoded))
                throw new InputException($"Tensor '{tensor.Name}' holds numbers beyond float16's 65504. Export as bf16 or f32.");
            stream.Write(encoded);
        }
        Pad(stream);
    }

    // Blocks of 32: a float16 scale d = max |x| / 127, then the nearest whole numbers to x / d.
    private static void PackQ8(ReadOnlySpan<float> values, Span<byte> bytes, string name)
    {
        for (var (block, at) = (0, 0); block < values.Length; block += 32, at += 34)
        {
            var numbers = values.Slice(block, 32);
            var most = 0f;
            foreach (var number in numbers)
                most = Math.Max(most, Math.Abs(number));
            var scale = most / 127;
            if (float.IsInfinity((float)(Half)scale))
                throw new InputException($"Tensor '{name}' holds {most}, beyond what Q8_0 can scale. Export as bf16 or f32.");
            BinaryPrimitives.WriteHalfLittleEndian(bytes[at..], (Half)scale);
            var inverse = scale == 0 ? 0 : 1 / scale;
            for (var i = 0; i < 32; i++)
                bytes[at + 2 + i] = unchecked((byte)(sbyte)MathF.Round(numbers[i] * inverse, MidpointRounding.AwayFromZero));
        }
    }

    private static bool Overflows(ReadOnlySpan<byte> halves)
    {
        for (var i = 0; i < halves.Length; i += 2)
            if (!Half.IsFinite(BinaryPrimitives.ReadHalfLittleEndian(halves[i..])))
                return true;
        return false;
    }

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static void Pad(FileStream stream) => stream.Write(new byte[Padded(stream.Position) - stream.Position]);
}
