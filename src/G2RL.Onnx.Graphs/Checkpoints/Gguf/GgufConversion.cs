using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints;

/// <summary>GGUF models (llama, qwen2, qwen3) as Hugging Face folders: quantised weights become float32, others keep their type.</summary>
public static class GgufConversion
{
    private const int Piece = 1 << 16;

    /// <summary>What the file's model is.</summary>
    /// <exception cref="InputException">It is none that is read, or its weights do not belong to its metadata.</exception>
    public static DecoderSpec Describe(GgufFile file) => GgufModel.Read(file).Spec;

    /// <summary>The weights that <see cref="ToHuggingFace"/> would write.</summary>
    /// <exception cref="InputException">The file is missing, malformed, or of a kind that is not read.</exception>
    public static WeightPlan Plan(string path)
    {
        using var file = GgufFile.Open(path);
        var model = GgufModel.Read(file);
        return new(
            model.Spec,
            model.Spec.Parameters.ToDictionary(p => p.Name, p => model.TensorOf(p.Name).Type.Stored(), StringComparer.Ordinal));
    }

    /// <summary>Writes the model as a Hugging Face folder, a piece of a tensor at a time.</summary>
    /// <param name="path">The .gguf file.</param>
    /// <param name="folder">The new folder; must not exist. It appears whole or not at all.</param>
    /// <param name="tokenizer">Folder with tokenizer.json (and tokenizer_config.json) to take instead of the file's own tokenizer; null:
    /// the file's, if it has one.</param>
    /// <exception cref="InputException">The file is missing, malformed, of a kind that is not read, or holds a number that is not
    /// finite.</exception>
    public static void ToHuggingFace(string path, string folder, string? tokenizer = null)
    {
        using var file = GgufFile.Open(path);
        var model = GgufModel.Read(file);
        var texts = tokenizer is null ? GgufTokenizer.Write(model.Keys, path) : [];
        var companions = tokenizer is null ? [] : Companions(tokenizer);
        var spec = model.Spec;
        var types = spec.Parameters.GroupBy(p => model.TensorOf(p.Name).Type.Stored()).ToDictionary(g => g.Key, g => g.Sum(p => p.Count));
        HuggingFaceCheckpoint.Create(folder, spec, types.MaxBy(t => t.Value).Key, p => ToWrite(file, model, p), temporary =>
        {
            foreach (var (name, text) in texts)
                ModelFolder.WriteText(Path.Combine(temporary, name), text);
            foreach (var companion in companions)
                ModelFolder.Copy(companion, temporary);
        });
    }

    private static IEnumerable<string> Companions(string folder)
    {
        var needed = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(needed))
            throw new InputException($"{needed} does not exist; the tokenizer's folder must hold tokenizer.json.");
        return new[] { needed, Path.Combine(folder, "tokenizer_config.json"), Path.Combine(folder, "chat_template.jinja") }
            .Where(File.Exists);
    }

    private static TensorToWrite ToWrite(GgufFile file, GgufModel model, ParameterSpec parameter)
    {
        var tensor = model.TensorOf(parameter.Name);
        var dtype = tensor.Type.Stored();
        var step = Step(tensor, model.InPairs(parameter.Name));
        return new TensorToWrite(parameter.Name, dtype, parameter.Shape, stream =>
        {
            var values = new float[Math.Min(step, tensor.Count)];
            var bytes = new byte[values.Length * dtype.Bytes()];
            for (var done = 0L; done < tensor.Count; done += step)
            {
                var count = (int)Math.Min(step, tensor.Count - done);
                var from = model.InPairs(parameter.Name)
                    ? RotaryPairs.RowInPairs((int)(done / step), model.Spec.HeadDimension) * (long)step
                    : done;
                var piece = values.AsSpan(0, count);
                file.ReadFloats(tensor.Name, from, piece);
                if (FloatConversion.FirstNonFinite(piece) is >= 0 and var bad)
                    throw new InputException($"{file.Path}: tensor '{tensor.Name}' holds {piece[bad]} at element {from + bad}; "
                        + "weights must be finite. The file is damaged; fetch it again.");
                FloatConversion.FromFloats(dtype, piece, bytes);
                stream.Write(bytes.AsSpan(0, count * dtype.Bytes()));
            }
        });
    }

    // Rows that change places go one at a time; a bias's "rows" are single numbers.
    private static int Step(GgufTensor tensor, bool inPairs) => !inPairs ? Piece : tensor.Shape.Length == 1 ? 1 : (int)tensor.Shape[^1];
}
