using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Families;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// What a GGUF file's metadata and tensors say about the model: its description, and where each of Hugging Face's weights lies.
/// </summary>
/// <remarks>Source: the keys of docs/gguf.md (ggml-org/ggml) and the names that llama.cpp's converter from Hugging Face gives.</remarks>
internal sealed class GgufModel
{
    private static readonly Dictionary<string, (string Name, string ModelType)> Families = new(StringComparer.Ordinal)
    {
        ["llama"] = (Llama.Architecture, Llama.ModelType),
        ["qwen2"] = (Qwen2.Architecture, Qwen2.ModelType),
        ["qwen3"] = (Qwen3.Architecture, Qwen3.ModelType),
    };

    private readonly Dictionary<string, GgufTensor> tensors = new(StringComparer.Ordinal);

    private GgufModel(DecoderSpec spec, GgufKeys keys)
    {
        Spec = spec;
        Keys = keys;
    }

    /// <summary>The model.</summary>
    public DecoderSpec Spec { get; }

    /// <summary>The metadata.</summary>
    public GgufKeys Keys { get; }

    /// <summary>The tensor of one of <see cref="DecoderSpec.Parameters"/>.</summary>
    public GgufTensor TensorOf(string parameter) => tensors[parameter];

    /// <summary>
    /// Whether a weight's rows are pairs of neighbours within each head, where Hugging Face has halves: queries and keys of "llama".
    /// </summary>
    public bool InPairs(string parameter) =>
        Spec.Architecture == Llama.Architecture
            && (parameter.Contains(".q_proj.", StringComparison.Ordinal) || parameter.Contains(".k_proj.", StringComparison.Ordinal));

    /// <summary>Describes the model and checks that every weight is there with the right shape, and nothing else.</summary>
    /// <exception cref="InputException">Something is missing, unknown, unsupported or of the wrong shape.</exception>
    public static GgufModel Read(GgufFile file)
    {
        var general = new GgufKeys(file);
        var architecture = general.OptionalText("general.architecture")
            ?? throw general.Fault("the metadata lacks general.architecture; it is no language model");
        if (!Families.TryGetValue(architecture, out var family))
            throw general.Fault($"general.architecture is '{architecture}'; {string.Join(", ", Families.Keys)} are read. "
                + "Give the model in Hugging Face's layout");
        if (general.OptionalText("general.type") is { } type && type != "model")
            throw general.Fault($"general.type is '{type}'; a whole model is needed");
        if (general.OptionalInteger("split.count") is > 1 and var parts)
            throw general.Fault($"it is one of {parts} parts (split.count); join them into one file first");
        var keys = new GgufKeys(file) { Architecture = architecture };
        var spec = Describe(file, keys, family.Name, family.ModelType);
        keys.Finish();
        spec.Validate(file.Path);
        // Says so if the family cannot have such biases.
        spec.ToConfigJson();
        var model = new GgufModel(spec, keys);
        model.Match(file);
        return model;
    }

    private static DecoderSpec Describe(GgufFile file, GgufKeys keys, string architecture, string modelType)
    {
        foreach (var key in (ReadOnlySpan<string>)[".expert_count", ".expert_used_count"])
            keys.Expect(key, number => number == 0, "the model is a mixture of experts; only dense decoders are.");
        keys.Expect(
            ".attention.sliding_window",
            number => number == 0,
            "give the model in Hugging Face's layout, which says which layers have the window.");
        keys.Expect(".attention.clamp_kqv", number => number == 0, "no clamping of queries, keys and values.");
        if (keys.OptionalFlag(".attention.causal") == false)
            throw keys.Fault("its attention is not causal (attention.causal); only decoders are read");
        if (!file.Tensors.TryGetValue("token_embd.weight", out var embedding))
            throw keys.Fault("there is no tensor 'token_embd.weight'; it is no language model, or only a part of one");
        int hidden = keys.Integer(".embedding_length"), heads = keys.Integer(".attention.head_count");
        var keyLength = keys.OptionalInteger(".attention.key_length");
        if (heads < 1 || (keyLength is null && hidden % heads != 0))
            throw keys.Fault($"{keys.Architecture}.attention.head_count is {heads}; it must be at least 1 and divide the embedding_length, "
                + $"{hidden}, unless attention.key_length is given");
        var width = keyLength ?? hidden / heads;
        keys.Expect(".attention.value_length", number => number == width, $"keys are {width} wide, and values must be as wide.");
        keys.Expect(".rope.dimension_count", number => number == width, $"whole heads are rotated, {width} numbers.");
        if (keys.OptionalInteger(".vocab_size") is { } vocabulary && vocabulary != embedding.Shape[0])
            throw keys.Fault($"{keys.Architecture}.vocab_size is {vocabulary}, but 'token_embd.weight' has {embedding.Shape[0]} rows. "
                + "They do not belong together");
        var positions = keys.Integer(".context_length");
        // A layer has tensors. Without this a small file could ask for the names of thousands of layers.
        var layers = keys.Integer(".block_count");
        if (layers > file.Tensors.Count)
            throw keys.Fault($"{keys.Architecture}.block_count is {layers}, but the file has {file.Tensors.Count} tensors. "
                + "They do not belong together");
        return new DecoderSpec
        {
            Architecture = architecture,
            ModelType = modelType,
            VocabularySize = (int)embedding.Shape[0],
            HiddenSize = hidden,
            IntermediateSize = keys.Integer(".feed_forward_length"),
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keys.OptionalInteger(".attention.head_count_kv") ?? heads,
            HeadDimension = width,
            NormEpsilon = keys.OptionalNumber(".attention.layer_norm_rms_epsilon")
                ?? throw keys.Fault($"the metadata lacks {keys.Architecture}.attention.layer_norm_rms_epsilon, which has no default"),
            MaxPositions = positions,
            Rope = GgufRope.Read(file, keys, width, positions),
            TieEmbeddings = !file.Tensors.ContainsKey("output.weight"),
            QueryKeyNorm = architecture == Qwen3.Architecture,
            QueryKeyValueBias = file.Tensors.ContainsKey("blk.0.attn_q.bias"),
            OutputBias = file.Tensors.ContainsKey("blk.0.attn_output.bias"),
            MlpBias = file.Tensors.ContainsKey("blk.0.ffn_down.bias"),
            BosToken = Token(keys, "bos"),
            EosTokens = [.. new[] { Token(keys, "eos"), Token(keys, "eot") }.OfType<int>().Distinct()],
            PadToken = Token(keys, "padding"),
        };
    }

    private static int? Token(GgufKeys keys, string kind) => keys.OptionalInteger($"tokenizer.ggml.{kind}_token_id");

    private void Match(GgufFile file)
    {
        var faults = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal) { GgufRope.Divisors };
        foreach (var parameter in Spec.Parameters)
        {
            var name = GgufNames.Of(Spec, parameter.Name);
            known.Add(name);
            if (!file.Tensors.TryGetValue(name, out var tensor))
                faults.Add($"{file.Path}: tensor '{name}' is missing; the metadata implies [{string.Join(", ", parameter.Shape)}].");
            else if (!tensor.Shape.AsSpan().SequenceEqual(parameter.Shape))
                faults.Add($"{file.Path}: tensor '{name}' is [{string.Join(", ", tensor.Shape)}]; "
                    + $"the metadata implies [{string.Join(", ", parameter.Shape)}]. They do not belong together.");
            else
                tensors.Add(parameter.Name, tensor);
            if (faults.Count > 9)
                break;
        }
        if (faults.Count == 0)
            faults.AddRange(file.Tensors.Keys.Where(name => !known.Contains(name)).Order(StringComparer.Ordinal).Take(10)
                .Select(name => $"{file.Path}: tensor '{name}' is not a weight of the model that the metadata describes, so something of "
                    + "it would be lost."));
        if (faults.Count > 0)
            throw InputException.Of(faults);
    }
}
