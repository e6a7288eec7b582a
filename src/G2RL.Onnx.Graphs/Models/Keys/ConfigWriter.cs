using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Models.Keys;

/// <summary>Writes the config.json of a model that was made here.</summary>
internal static class ConfigWriter
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true };

    public static string Write(DecoderSpec spec, string dtype)
    {
        const string source = "the model";
        if (dtype is not ("float32" or "bfloat16" or "float16"))
            throw new InputException($"The weight type '{dtype}' is unknown; use float32, bfloat16 or float16.");
        spec.Validate(source);
        if (!Architectures.All.TryGetValue(spec.Architecture, out var family))
            throw new InputException($"The architecture '{spec.Architecture}' is not supported; these are: "
                + $"{string.Join(", ", Architectures.Names)}.");

        var config = new JsonObject
        {
            ["architectures"] = new JsonArray(spec.Architecture),
            ["bos_token_id"] = spec.BosToken,
            ["eos_token_id"] = spec.EosTokens switch
            {
                [] => null,
                [var single] => single,
                var several => new JsonArray([.. several.Select(id => (JsonNode)id)]),
            },
            ["pad_token_id"] = spec.PadToken,
            ["head_dim"] = spec.HeadDimension,
            ["hidden_act"] = CommonKeys.NameOf(spec.Activation),
            ["hidden_size"] = spec.HiddenSize,
            ["intermediate_size"] = spec.IntermediateSize,
            ["max_position_embeddings"] = spec.MaxPositions,
            ["model_type"] = spec.ModelType,
            ["num_attention_heads"] = spec.Heads,
            ["num_hidden_layers"] = spec.Layers,
            ["num_key_value_heads"] = spec.KeyValueHeads,
            ["rms_norm_eps"] = spec.NormEpsilon,
            ["rope_scaling"] = spec.Rope is { } rope ? Scaling(rope) : null,
            ["rope_theta"] = spec.Rope?.Theta,
            ["tie_word_embeddings"] = spec.TieEmbeddings,
            ["torch_dtype"] = dtype,
            ["vocab_size"] = spec.VocabularySize,
        };
        family.Write(spec, config);

        var json = config.ToJsonString(Options) + "\n";
        return Architectures.Parse(json, source) == spec
            ? json
            : throw new InputException($"A {spec.Architecture} config.json cannot express this model; it reads back as another one. "
                + "Check its biases, norms and RoPE numbers.");
    }

    /// <summary>`layer_types` of a model, some of whose layers have windows.</summary>
    public static JsonArray LayerTypes(DecoderSpec spec) =>
        [.. Enumerable.Range(0, spec.Layers)
            .Select(layer => (JsonNode)(spec.WindowOf(layer) > 0 ? "sliding_attention" : "full_attention"))];

    private static JsonObject? Scaling(RopeSpec rope)
    {
        switch (rope.Kind)
        {
            case RopeKind.Default:
                return null;
            case RopeKind.Linear:
                return new JsonObject { ["rope_type"] = "linear", ["factor"] = rope.Factor };
            case RopeKind.Dynamic:
                return new JsonObject { ["rope_type"] = "dynamic", ["factor"] = rope.Factor };
            case RopeKind.Llama3:
                return new JsonObject
                {
                    ["rope_type"] = "llama3",
                    ["factor"] = rope.Factor,
                    ["low_freq_factor"] = rope.LowFrequencyFactor,
                    ["high_freq_factor"] = rope.HighFrequencyFactor,
                    ["original_max_position_embeddings"] = rope.OriginalMaxPositions,
                };
            default:
                var yarn = new JsonObject
                {
                    ["rope_type"] = "yarn",
                    ["factor"] = rope.Factor,
                    ["original_max_position_embeddings"] = rope.OriginalMaxPositions,
                    ["beta_fast"] = rope.BetaFast,
                    ["beta_slow"] = rope.BetaSlow,
                    ["truncate"] = rope.Truncate,
                };
                if (rope.AttentionFactor is { } attention)
                    yarn["attention_factor"] = attention;
                if (rope.MScale is { } scale)
                    yarn["mscale"] = scale;
                if (rope.MScaleAllDimensions is { } all)
                    yarn["mscale_all_dim"] = all;
                return yarn;
        }
    }
}
