using System.Text;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Converter.Tests.Gguf;

/// <summary>Writes GGUF files from the format's description: header, metadata, tensor entries, padding, data.</summary>
internal sealed class GgufWriter
{
    public List<(string Key, object Value)> Metadata { get; } = [];

    public List<(string Name, long[] Shape, GgmlType Type, byte[] Data)> Tensors { get; } = [];

    public uint Version { get; set; } = 3;

    public GgufWriter Set(string key, object value)
    {
        Metadata.RemoveAll(entry => entry.Key == key);
        Metadata.Add((key, value));
        return this;
    }

    public void Add(string name, long[] shape, GgmlType type, byte[] data) => Tensors.Add((name, shape, type, data));

    public string Save(string path)
    {
        File.WriteAllBytes(path, Bytes());
        return path;
    }

    public byte[] Bytes()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)Tensors.Count);
        writer.Write((ulong)Metadata.Count);
        foreach (var (key, value) in Metadata)
        {
            Text(writer, key);
            Value(writer, value);
        }
        var offset = 0L;
        foreach (var (name, shape, type, data) in Tensors)
        {
            Text(writer, name);
            writer.Write(shape.Length);
            foreach (var size in shape.Reverse())
                writer.Write(size);
            writer.Write((int)type);
            writer.Write(offset);
            offset += (data.Length + 31) / 32 * 32;
        }
        Pad(stream);
        foreach (var tensor in Tensors)
        {
            writer.Write(tensor.Data);
            Pad(stream);
        }
        return stream.ToArray();
    }

    /// <summary>A Hugging Face folder's model, as float32 or another type whose bytes <paramref name="encode"/> gives.</summary>
    public static GgufWriter Of(string folder, GgmlType type = GgmlType.F32, Func<float[], byte[]>? encode = null)
    {
        using var checkpoint = HuggingFaceCheckpoint.Open(folder);
        var spec = checkpoint.Spec;
        var a = spec.ModelType;
        var writer = new GgufWriter()
            .Set("general.architecture", a)
            .Set($"{a}.context_length", (uint)spec.MaxPositions)
            .Set($"{a}.embedding_length", (uint)spec.HiddenSize)
            .Set($"{a}.block_count", (uint)spec.Layers)
            .Set($"{a}.feed_forward_length", (uint)spec.IntermediateSize)
            .Set($"{a}.attention.head_count", (uint)spec.Heads)
            .Set($"{a}.attention.head_count_kv", (uint)spec.KeyValueHeads)
            .Set($"{a}.attention.key_length", (uint)spec.HeadDimension)
            .Set($"{a}.attention.value_length", (uint)spec.HeadDimension)
            .Set($"{a}.attention.layer_norm_rms_epsilon", (float)spec.NormEpsilon)
            .Set($"{a}.rope.freq_base", (float)spec.Rope!.Theta);
        if (spec.BosToken is { } bos)
            writer.Set("tokenizer.ggml.bos_token_id", (uint)bos);
        foreach (var eos in spec.EosTokens)
            writer.Set("tokenizer.ggml.eos_token_id", (uint)eos);
        if (spec.PadToken is { } pad)
            writer.Set("tokenizer.ggml.padding_token_id", (uint)pad);
        if (spec.Rope.Kind == RopeKind.Llama3)
        {
            // What the public formula divides by: 1 below a wavelength of 8192 / 4, the factor above 8192 / 1, a ramp between.
            var divisors = new float[spec.HeadDimension / 2];
            for (var i = 0; i < divisors.Length; i++)
            {
                var wavelength = 2 * Math.PI * Math.Pow(spec.Rope.Theta, 2.0 * i / spec.HeadDimension);
                var smooth = Math.Clamp(((8192 / wavelength) - 1) / (4 - 1), 0, 1);
                divisors[i] = (float)(1 / (((1 - smooth) / spec.Rope.Factor) + smooth));
            }
            writer.Add("rope_freqs.weight", [divisors.Length], GgmlType.F32, Raw(divisors));
        }
        foreach (var parameter in spec.Parameters)
        {
            var values = new float[parameter.Count];
            checkpoint.ReadParameter(parameter, values);
            if (a == "llama" && (parameter.Name.Contains("q_proj") || parameter.Name.Contains("k_proj")))
                values = Interleaved(values, spec.HeadDimension, (int)parameter.Shape[0]);
            var own = parameter.Shape.Length == 1 ? GgmlType.F32 : type;
            writer.Add(Name(parameter.Name), parameter.Shape, own, own == GgmlType.F32 ? Raw(values) : encode!(values));
        }
        return writer;
    }

    public static byte[] Raw(float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    // As llama.cpp's converter: a head's rows as [2, half], turned to [half, 2].
    private static float[] Interleaved(float[] values, int head, int rows)
    {
        var width = values.Length / rows;
        var result = new List<float>();
        for (var first = 0; first < rows; first += head)
            for (var i = 0; i < head / 2; i++)
                foreach (var row in (int[])[first + i, first + (head / 2) + i])
                    result.AddRange(values.AsSpan(row * width, width));
        return [.. result];
    }

    private static string Name(string parameter)
    {
        (string From, string To)[] names =
        [
            ("model.embed_tokens", "token_embd"), ("model.layers.", "blk."), ("model.norm", "output_norm"), ("lm_head", "output"),
            ("self_attn.q_norm", "attn_q_norm"), ("self_attn.k_norm", "attn_k_norm"), ("post_attention_layernorm", "ffn_norm"),
            ("input_layernorm", "attn_norm"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
            ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
            ("mlp.down_proj", "ffn_down"),
        ];
        return names.Aggregate(parameter, (name, pair) => name.Replace(pair.From, pair.To));
    }

    private static void Text(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void Value(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case uint number: writer.Write(4); writer.Write(number); break;
            case float number: writer.Write(6); writer.Write(number); break;
            case bool flag: writer.Write(7); writer.Write(flag); break;
            case string text: writer.Write(8); Text(writer, text); break;
            case string[] list:
                writer.Write(9);
                writer.Write(8);
                writer.Write((ulong)list.Length);
                foreach (var text in list)
                    Text(writer, text);
                break;
            case int[] list:
                writer.Write(9);
                writer.Write(5);
                writer.Write((ulong)list.Length);
                foreach (var number in list)
                    writer.Write(number);
                break;
            case float[] list:
                writer.Write(9);
                writer.Write(6);
                writer.Write((ulong)list.Length);
                foreach (var number in list)
                    writer.Write(number);
                break;
            default: throw new ArgumentException($"{value.GetType()}");
        }
    }

    private static void Pad(MemoryStream stream)
    {
        while (stream.Length % 32 != 0)
            stream.WriteByte(0);
    }
}
