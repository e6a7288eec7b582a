using System.Buffers.Binary;
using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Families;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Models of llama2.c: seven int32 (width, feed-forward width, layers, heads, key/value heads, vocabulary, length), then float32 weights,
/// each kind for all layers together. Its rotary pairs are neighbours (2i, 2i+1), so the rows of queries and keys are put in Hugging Face's
/// order, halves.
/// </summary>
/// <remarks>Source: the reading code of karpathy/llama2.c, run.c, version 0 of the format.</remarks>
public static class Llama2C
{
    private const int HeaderBytes = 7 * sizeof(int);

    /// <summary>Writes the model as a Hugging Face folder. The model's file holds no tokenizer; that is a file of its own.</summary>
    /// <param name="path">The .bin file.</param>
    /// <param name="folder">The new folder; must not exist. It appears whole or not at all.</param>
    /// <param name="tokenizer">The tokenizer's .bin file, which becomes tokenizer.json; null: none.</param>
    /// <exception cref="InputException">A file is missing, no such model or tokenizer, truncated, or holds a number that is not
    /// finite.</exception>
    public static void ToHuggingFace(string path, string folder, string? tokenizer = null)
    {
        using var stream = Open(path);
        var (spec, places) = Read(stream, path);
        var texts = tokenizer is null ? [] : Llama2CTokenizer.Write(tokenizer, spec.VocabularySize);
        HuggingFaceCheckpoint.Create(
            folder,
            spec,
            SafeTensorsDtype.F32,
            p => TensorToWrite.Floats(p.Name, SafeTensorsDtype.F32, p.Shape, Weight),
            temporary =>
            {
                foreach (var (name, text) in texts)
                    ModelFolder.WriteText(Path.Combine(temporary, name), text);
            });

        ReadOnlySpan<float> Weight(string name)
        {
            var (offset, count) = places[name];
            var values = new float[count];
            stream.Position = offset;
            stream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            if (!BitConverter.IsLittleEndian)
                BinaryPrimitives.ReverseEndianness(
                    MemoryMarshal.Cast<float, int>(values.AsSpan()),
                    MemoryMarshal.Cast<float, int>(values.AsSpan()));
            return name.Contains("q_proj", StringComparison.Ordinal) || name.Contains("k_proj", StringComparison.Ordinal)
                ? InHalves(values, spec)
                : values;
        }
    }

    /// <summary>The weights that <see cref="ToHuggingFace"/> would write.</summary>
    /// <exception cref="InputException">The file is missing, no such model, or truncated.</exception>
    public static WeightPlan Plan(string path)
    {
        using var stream = Open(path);
        return WeightPlan.Of(Read(stream, path).Spec, SafeTensorsDtype.F32);
    }

    private static (DecoderSpec Spec, Dictionary<string, (long Offset, int Count)> Places) Read(FileStream stream, string path)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (stream.Length < HeaderBytes)
            throw new InputException($"{path} has {stream.Length} bytes; a llama2.c model has a header of {HeaderBytes}.");
        stream.ReadExactly(header);
        var spec = Describe(header, path);
        return (spec, Places(spec, path, stream.Length));
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}", e);
        }
    }

    private static DecoderSpec Describe(ReadOnlySpan<byte> header, string path)
    {
        var numbers = new int[7];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = BinaryPrimitives.ReadInt32LittleEndian(header[(i * sizeof(int))..]);
        var (width, heads) = (numbers[0], numbers[3]);
        if (heads < 1 || width < 1 || width % heads != 0 || numbers[5] == int.MinValue)
            throw new InputException($"{path} is no llama2.c model: its header says width {width}, {heads} heads and a vocabulary of "
                + $"{numbers[5]}.");
        var spec = new DecoderSpec
        {
            Architecture = Llama.Architecture,
            ModelType = Llama.ModelType,
            HiddenSize = width,
            IntermediateSize = numbers[1],
            Layers = numbers[2],
            Heads = heads,
            KeyValueHeads = numbers[4],
            HeadDimension = width / heads,
            // A head of its own is marked by a negative number.
            VocabularySize = Math.Abs(numbers[5]),
            TieEmbeddings = numbers[5] > 0,
            MaxPositions = numbers[6],
            NormEpsilon = 1e-5,
            Rope = new RopeSpec { Theta = 10_000 },
            BosToken = 1,
            // What begins a story also ends the one before.
            EosTokens = [1],
        };
        spec.Validate(path);
        return spec;
    }

    // Offset and count of every weight.
    private static Dictionary<string, (long Offset, int Count)> Places(DecoderSpec spec, string path, long length)
    {
        // The norms alone: a short file shall not ask for the names of thousands of layers.
        if (2L * spec.Layers * spec.HiddenSize * sizeof(float) > length)
            throw new InputException($"{path} has {length} bytes; its header implies more for {spec.Layers} layers. "
                + "It is truncated, or of another version of the format.");
        var sizes = spec.Parameters.ToDictionary(p => p.Name, p => p.Count, StringComparer.Ordinal);
        var places = new Dictionary<string, (long, int)>(StringComparer.Ordinal);
        long offset = HeaderBytes;
        Take("model.embed_tokens.weight");
        string[] kinds =
        [
            "input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
            "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj",
        ];
        foreach (var kind in kinds)
            for (var layer = 0; layer < spec.Layers; layer++)
                Take($"model.layers.{layer}.{kind}.weight");
        Take("model.norm.weight");
        // Two rotary tables that nothing reads any more.
        offset += (long)spec.MaxPositions * spec.HeadDimension * sizeof(float);
        if (!spec.TieEmbeddings)
            Take("lm_head.weight");
        return offset == length
            ? places
            : throw new InputException($"{path} has {length} bytes; its header implies {offset}. "
                + "It is truncated, or of another version of the format.");

        void Take(string name)
        {
            if (sizes[name] > Array.MaxLength)
                throw new InputException($"{path}: {name} has {sizes[name]} numbers, more than are read here at once.");
            places.Add(name, (offset, (int)sizes[name]));
            offset += sizes[name] * sizeof(float);
        }
    }

    private static float[] InHalves(float[] rows, DecoderSpec spec)
    {
        var width = spec.HiddenSize;
        var result = new float[rows.Length];
        for (var row = 0; row < rows.Length / width; row++)
            rows.AsSpan(RotaryPairs.RowInPairs(row, spec.HeadDimension) * width, width).CopyTo(result.AsSpan(row * width, width));
        return result;
    }
}
