using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Artifacts;

/// <summary>The way back: a converted folder as a Hugging Face checkpoint with the source's names, types and shards.</summary>
public static class ModelExport
{
    private const int Piece = 1 << 18;

    /// <summary>Writes the checkpoint. Where the conversion kept the source's precision, every tensor has the source's bytes.</summary>
    /// <param name="converted">A converted folder.</param>
    /// <param name="folder">The new folder; must not exist. It appears whole or not at all.</param>
    /// <exception cref="InputException">The converted folder is damaged, or the new one exists or cannot be written.</exception>
    public static void ToHuggingFace(string converted, string folder)
    {
        var manifest = ConversionManifest.Read(converted);
        if (manifest.Quantized is { Count: > 0 } quantized)
            throw new InputException($"{converted} holds {quantized.Count} matrices in few bits, from which the source's weights cannot be "
                + "had again. Export from what it was made of.");
        var path = Path.Combine(converted, WeightFile.FileName);
        ModelFolder.CheckRoom(folder, manifest.Tensors.Sum(t => t.Bytes / t.Stored.Bytes() * t.Dtype.Bytes()));
        ModelFolder.Write(folder, temporary =>
        {
            using var data = Open(path);
            foreach (var shard in manifest.Shards)
            {
                var tensors = manifest.Tensors.Where(t => t.Shard == shard.Name)
                    .Select(t => new TensorToWrite(t.Name, t.Dtype, t.Shape, stream => Copy(data, path, t, stream)))
                    .ToList();
                SafeTensorsWriter.Write(Path.Combine(temporary, shard.Name), tensors, shard.Metadata);
            }
            ModelFolder.CopyCompanions(converted, temporary);
            if (manifest.HasIndex)
                ModelFolder.WriteText(Path.Combine(temporary, CheckpointShards.IndexFile), Index(manifest));
        });
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}", e);
        }
    }

    private static void Copy(FileStream data, string path, ConvertedTensor tensor, Stream destination)
    {
        if (tensor.Offset + tensor.Bytes > data.Length)
            throw new InputException($"{path} has {data.Length} bytes; tensor '{tensor.Name}' ends at {tensor.Offset + tensor.Bytes}. "
                + "The folder is damaged; convert the source again.");
        if (tensor.Stored != tensor.Dtype && !(tensor.Stored.IsWeight() && tensor.Dtype.IsWeight()))
            throw new InputException($"{path}: tensor '{tensor.Name}' is stored as {tensor.Stored}, which does not become {tensor.Dtype}.");
        data.Position = tensor.Offset;
        var (size, other) = (tensor.Stored.Bytes(), tensor.Dtype.Bytes());
        var (bytes, converted, floats) = (new byte[Piece * size], new byte[Piece * other], new float[Piece]);
        for (var left = tensor.Bytes / size; left > 0;)
        {
            var count = (int)Math.Min(Piece, left);
            var part = bytes.AsSpan(0, count * size);
            data.ReadExactly(part);
            if (tensor.Stored != tensor.Dtype)
            {
                FloatConversion.ToFloats(tensor.Stored, part, floats.AsSpan(0, count));
                part = converted.AsSpan(0, count * other);
                FloatConversion.FromFloats(tensor.Dtype, floats.AsSpan(0, count), part);
            }
            destination.Write(part);
            left -= count;
        }
    }

    private static string Index(ConversionManifest manifest)
    {
        var map = new JsonObject();
        foreach (var tensor in manifest.Tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
            map[tensor.Name] = tensor.Shard;
        var total = manifest.Tensors.Sum(t => t.Bytes / t.Stored.Bytes() * t.Dtype.Bytes());
        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = total }, ["weight_map"] = map };
        return index.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n";
    }
}
