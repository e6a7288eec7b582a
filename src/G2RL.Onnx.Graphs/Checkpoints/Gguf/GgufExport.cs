using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Families;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Checkpoints;

/// <summary>Models as GGUF files, for llama.cpp and what is built on it.</summary>
/// <remarks>Source: docs/gguf.md (ggml-org/ggml), and for the order of rows and Q8_0 the descriptions of llama.cpp's formats.</remarks>
public static class GgufExport
{
    /// <summary>Types that matrices can be written in.</summary>
    public static IReadOnlyList<GgmlType> Types { get; } = [GgmlType.F32, GgmlType.F16, GgmlType.BF16, GgmlType.Q8_0];

    /// <summary>Writes a model.</summary>
    /// <param name="path">The file to be made; must not exist. It appears whole or not at all.</param>
    /// <param name="spec">The model.</param>
    /// <param name="read">Gives a weight in Hugging Face's layout.</param>
    /// <param name="type">
    /// Type of the matrices: one of <see cref="Types"/>. Norms and biases are float32; a matrix whose rows are no multiple of 32 is float16
    /// where Q8_0 is asked for.
    /// </param>
    /// <param name="tokenizer">Folder of the tokenizer; null leaves it out.</param>
    /// <exception cref="InputException">llama.cpp computes no such model or has no such tokenizer, a weight does not fit into the type, or
    /// the file exists or cannot be written.</exception>
    public static void Write(string path, DecoderSpec spec, Action<ParameterSpec, Span<float>> read, GgmlType type, string? tokenizer)
    {
        if (Path.Exists(path))
            throw new InputException($"{path} exists; an export never overwrites a file. Choose another or remove it.");
        var architecture = Check(path, spec);
        var entries = new GgufEntries();
        Describe(entries, architecture, spec, type);
        if (tokenizer is null)
            entries.Text("tokenizer.ggml.model", "none");
        else
            GgufVocabulary.Describe(entries, tokenizer, spec);
        var tensors = new List<GgufOutput>();
        if (spec.Rope?.Kind == RopeKind.Llama3)
            tensors.Add(new("rope_freqs.weight", [spec.HeadDimension / 2], GgmlType.F32, values => Divisors(spec, values)));
        foreach (var parameter in spec.Parameters)
        {
            var isTurned = spec.Weights == WeightLayout.Gpt2 && IsLinear(parameter);
            var shape = isTurned ? [parameter.Shape[1], parameter.Shape[0]] : parameter.Shape;
            var own = shape.Length == 1 || parameter.Name.EndsWith("wpe.weight", StringComparison.Ordinal) ? GgmlType.F32
                : type == GgmlType.Q8_0 && shape[^1] % type.BlockElements() != 0 ? GgmlType.F16 : type;
            tensors.Add(new(GgufNames.Of(spec, parameter.Name), shape, own, values =>
            {
                read(parameter, values);
                Arrange(spec, parameter, values);
            }));
        }
        GgufFileWriter.Write(path, entries, tensors);
    }

    private static string Check(string path, DecoderSpec spec)
    {
        var faults = new List<string>();
        var name = GgufNames.Architecture(spec);
        void Rule(bool ok, string what)
        {
            if (!ok)
                faults.Add($"{path}: {what}, which llama.cpp does not compute for {name ?? spec.Architecture}.");
        }
        Rule(name is not null, $"the model is a {spec.Architecture}");
        Rule(spec.Architecture is not (Mistral.Architecture or Phi3.Architecture) || spec.Windows.Length == 0,
            "layers have an attention window");
        Rule(spec.AttentionSoftcap is null && spec.LogitSoftcap is null, "attention scores or logits are capped");
        Rule(spec.Architecture is not Olmo2.Architecture || !spec.OutputBias, "attention has biases");
        Rule(spec.Architecture is not Gemma3.Architecture || (spec.AttentionScalar ?? spec.HeadDimension) == spec.HeadDimension,
            $"query_pre_attn_scalar is {spec.AttentionScalar} and heads are {spec.HeadDimension} wide");
        Rule(spec.Architecture is not Gemma3.Architecture || Enumerable.Range(0, spec.Layers).All(i =>
            spec.WindowOf(i) == 0 == ((i + 1) % 6 == 0)), "other layers than every sixth see the whole text");
        Rule(spec.Rope is null or { Kind: RopeKind.Default or RopeKind.Linear or RopeKind.Yarn or RopeKind.Llama3 }, "its rotary scaling");
        Rule(!spec.MlpBias || spec.Architecture is Gpt2.Architecture or Llama.Architecture, "the feed-forward block has biases");
        return faults.Count == 0 ? name! : throw InputException.Of(faults);
    }

    private static void Describe(GgufEntries entries, string a, DecoderSpec spec, GgmlType type)
    {
        entries.Text("general.architecture", a);
        entries.Text("general.type", "model");
        entries.Number("general.file_type", type switch { GgmlType.F32 => 0, GgmlType.F16 => 1, GgmlType.Q8_0 => 7, _ => 32 });
        entries.Number("general.quantization_version", 2);
        entries.Number($"{a}.vocab_size", spec.VocabularySize);
        entries.Number($"{a}.context_length", spec.MaxPositions);
        entries.Number($"{a}.embedding_length", spec.HiddenSize);
        entries.Number($"{a}.block_count", spec.Layers);
        entries.Number($"{a}.feed_forward_length", spec.IntermediateSize);
        entries.Number($"{a}.attention.head_count", spec.Heads);
        entries.Number($"{a}.attention.head_count_kv", spec.KeyValueHeads);
        if (spec.Norm == NormKind.Layer)
            entries.Real($"{a}.attention.layer_norm_epsilon", spec.NormEpsilon);
        else
            entries.Real($"{a}.attention.layer_norm_rms_epsilon", spec.NormEpsilon);
        if (spec.Rope is not { } rope)
            return;
        entries.Number($"{a}.attention.key_length", spec.HeadDimension);
        entries.Number($"{a}.attention.value_length", spec.HeadDimension);
        entries.Number($"{a}.rope.dimension_count", spec.RotaryDimension ?? spec.HeadDimension);
        entries.Real($"{a}.rope.freq_base", rope.Theta);
        if (rope.Kind is RopeKind.Linear or RopeKind.Yarn)
        {
            entries.Text($"{a}.rope.scaling.type", rope.Kind == RopeKind.Linear ? "linear" : "yarn");
            entries.Real($"{a}.rope.scaling.factor", rope.Factor);
        }
        if (rope.Kind is RopeKind.Yarn or RopeKind.Llama3)
            entries.Number($"{a}.rope.scaling.original_context_length", (int)rope.OriginalMaxPositions!);
        if (spec.Windows.Length > 0)
            entries.Number($"{a}.attention.sliding_window", spec.Windows.Max());
        else if (a == "phi3")
            entries.Number($"{a}.attention.sliding_window", 0);
    }

    // What llama.cpp keeps otherwise: rotary pairs as neighbours, matrices as [out, in], norms as whole factors.
    private static void Arrange(DecoderSpec spec, ParameterSpec parameter, Span<float> values)
    {
        if (GgufNames.Architecture(spec) == "llama" && (parameter.Name.Contains(".q_proj.", StringComparison.Ordinal)
            || parameter.Name.Contains(".k_proj.", StringComparison.Ordinal)))
        {
            var (rows, width) = ((int)parameter.Shape[0], values.Length / (int)parameter.Shape[0]);
            var halves = values.ToArray();
            for (var row = 0; row < rows; row++)
                halves.AsSpan(row * width, width).CopyTo(values[(RotaryPairs.RowInPairs(row, spec.HeadDimension) * width)..]);
        }
        if (spec.Norm == NormKind.RmsFromOne && parameter.Shape.Length == 1)
            foreach (ref var value in values)
                value += 1;
        if (spec.Weights == WeightLayout.Gpt2 && IsLinear(parameter))
        {
            var (inputs, outputs) = ((int)parameter.Shape[0], (int)parameter.Shape[1]);
            var columns = values.ToArray();
            for (var i = 0; i < inputs; i++)
                for (var o = 0; o < outputs; o++)
                    values[(o * inputs) + i] = columns[(i * outputs) + o];
        }
    }

    private static bool IsLinear(ParameterSpec parameter) =>
        parameter.Shape.Length == 2 && parameter.Name.Contains(".c_", StringComparison.Ordinal);

    // What each frequency is divided by: Llama 3's scaling as llama.cpp stores it.
    private static void Divisors(DecoderSpec spec, Span<float> values)
    {
        var plain = RopeFrequencies.Of(spec.Rope! with { Kind = RopeKind.Default }, spec.HeadDimension);
        var scaled = RopeFrequencies.Of(spec.Rope!, spec.HeadDimension);
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(plain[i] / scaled[i]);
    }
}
