using System.Numerics.Tensors;
using G2RL.Onnx.Tokenizers;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Execution.Scoring;

/// <summary>
/// Embeddings of texts by an ONNX sentence model: inputs input_ids, attention_mask and perhaps token_type_ids [1, T], output
/// sentence_embedding [1, D], or else hidden states [1, T, D], whose mean over the tokens is taken. Each text is a run of its own, so that
/// no embedding depends on the others.
/// </summary>
internal sealed class SentenceEmbedder : IDisposable
{
    private static readonly string[] Inputs = ["input_ids", "attention_mask", "token_type_ids"];
    private static readonly string[] Outputs = ["sentence_embedding", "last_hidden_state", "token_embeddings"];

    private readonly InferenceSession session;
    private readonly Func<string, int[]> encode;
    private readonly int longest;
    private readonly string output;

    /// <summary>Opens a model and the tokenizer.json beside it.</summary>
    /// <param name="path">The ONNX file.</param>
    /// <param name="threads">Threads inside one operator, >= 1.</param>
    /// <exception cref="InputException">A file that is missing or broken, or a model with other inputs or outputs.</exception>
    public SentenceEmbedder(string path, int threads)
    {
        if (!File.Exists(path))
            throw new InputException($"algorithm.embedder is {path}, which does not exist. "
                + "Give the ONNX file of a sentence model, or leave it empty for the policy's own hidden states.");
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        (encode, longest) = (EmbedderTokenizer.Load(folder), EmbedderTokenizer.LongestInput(folder));
        using var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        try
        {
            session = new InferenceSession(path, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new InputException($"{path} is no model that ONNX Runtime can open: {e.Message}", e);
        }
        var strange = session.InputMetadata.Where(i => !Inputs.Contains(i.Key) || i.Value.ElementDataType is not (TensorElementType.Int64
            or TensorElementType.Int32)).Select(i => $"{i.Key} ({i.Value.ElementDataType})").ToArray();
        output = Outputs.FirstOrDefault(session.OutputMetadata.ContainsKey) ?? "";
        if (strange.Length > 0
            || !session.InputMetadata.ContainsKey(Inputs[0])
            || output.Length == 0
            || session.OutputMetadata[output].ElementDataType != TensorElementType.Float)
        {
            var message = $"{path} has the inputs {string.Join(", ", session.InputMetadata.Keys)} and the outputs "
                + $"{string.Join(", ", session.OutputMetadata.Keys)}; a sentence model has integer inputs {string.Join(", ", Inputs)} and "
                + $"a float32 output {string.Join(" or ", Outputs)}.";
            session.Dispose();
            throw new InputException(message);
        }
    }

    /// <summary>
    /// An embedding [D] of each text; longer texts are cut at the model's length. A text without tokens has the zero vector, which
    /// resembles nothing.
    /// </summary>
    /// <exception cref="InputException">The model failed on a text.</exception>
    public float[][] Embed(IReadOnlyList<string> texts)
    {
        var embeddings = texts.Select(t => encode(t))
            .Select(ids => ids.Length == 0 ? [] : Run(ids.Length > longest ? ids[..longest] : ids))
            .ToArray();
        var width = embeddings.Select(e => e.Length).DefaultIfEmpty().Max();
        return [.. embeddings.Select(e => e.Length == 0 ? new float[width] : e)];
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();

    private float[] Run(int[] ids)
    {
        var inputs = session.InputMetadata.Select(i => Input(i.Key, i.Value.ElementDataType, ids)).ToArray();
        try
        {
            using var results = session.Run(inputs, [output]);
            var tensor = results[0].AsTensor<float>();
            var values = tensor.ToArray();
            var width = tensor.Dimensions[^1];
            var mean = new float[width];
            for (var row = 0; row < values.Length; row += width)
                TensorPrimitives.Add(mean, values.AsSpan(row, width), mean);
            TensorPrimitives.Divide(mean, values.Length / width, mean);
            return mean;
        }
        catch (OnnxRuntimeException e)
        {
            throw new InputException($"The embedder failed on a text of {ids.Length} tokens: {e.Message}", e);
        }
    }

    private static NamedOnnxValue Input(string name, TensorElementType type, int[] ids)
    {
        int[] values = name switch
        {
            "input_ids" => ids,
            "attention_mask" => [.. Enumerable.Repeat(1, ids.Length)],
            _ => new int[ids.Length],
        };
        return type == TensorElementType.Int32
            ? NamedOnnxValue.CreateFromTensor(name, new DenseTensor<int>(values, [1, ids.Length]))
            : NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(values.Select(v => (long)v).ToArray(), [1, ids.Length]));
    }
}
