using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.LargeCheckpoint;

/// <summary>A Hugging Face folder of seeded bf16 weights in shards, as large models come.</summary>
internal static class ShardedSource
{
    private const long ShardBytes = 2_000_000_000;
    private const int Piece = 1 << 20;

    /// <summary>Writes it; gives the number of shards.</summary>
    public static int Write(string folder, DecoderSpec spec)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), spec.ToConfigJson("bfloat16"));
        var shards = new List<List<TensorToWrite>> { new() };
        var filled = 0L;
        foreach (var (index, parameter) in spec.Parameters.Index())
        {
            var tensor = new TensorToWrite(
                parameter.Name,
                SafeTensorsDtype.BF16,
                parameter.Shape,
                stream => Numbers(stream, parameter.Count, index));
            if (filled > 0 && filled + tensor.Length > ShardBytes)
            {
                shards.Add([]);
                filled = 0;
            }
            shards[^1].Add(tensor);
            filled += tensor.Length;
        }
        var map = new JsonObject();
        foreach (var (index, shard) in shards.Index())
        {
            var name = $"model-{index + 1:00000}-of-{shards.Count:00000}.safetensors";
            SafeTensorsWriter.Write(Path.Combine(folder, name), shard);
            foreach (var tensor in shard)
                map[tensor.Name] = name;
        }
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), new JsonObject
        {
            ["metadata"] = new JsonObject { ["total_size"] = spec.ParameterCount * 2 },
            ["weight_map"] = map,
        }.ToJsonString());
        return shards.Count;
    }

    // Magnitudes of 2^-7 to 2^-6 with random signs: four numbers from each 64 scrambled bits.
    private static void Numbers(Stream stream, long count, int tensor)
    {
        var words = new ulong[Piece / 4];
        var bytes = MemoryMarshal.AsBytes(words.AsSpan());
        for (var done = 0L; done < count; done += Piece)
        {
            for (var i = 0; i < words.Length; i++)
            {
                var z = unchecked(((ulong)((done / 4) + i) + ((ulong)tensor << 40) + 1) * 0x9E37_79B9_7F4A_7C15);
                z = unchecked((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9);
                words[i] = ((z ^ (z >> 27)) & 0x807F_807F_807F_807F) | 0x3C00_3C00_3C00_3C00;
            }
            stream.Write(bytes[..(int)(2 * Math.Min(Piece, count - done))]);
        }
    }
}
