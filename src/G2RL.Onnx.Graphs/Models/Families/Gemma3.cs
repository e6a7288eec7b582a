using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models.Families;

/// <summary>
/// Gemma 3's text decoder: norms (1 + w) around each block and on queries and keys, scaled embeddings, a tanh-GELU gate, and local layers
/// with a window and frequencies of their own.
/// </summary>
internal static class Gemma3
{
    public const string Architecture = "Gemma3ForCausalLM";
    public const string ModelType = "gemma3_text";

    public static DecoderSpec Describe(ConfigReader config)
    {
        const int maxPositions = 131_072;
        var (whole, local) =
            RopeKeys.ReadByLayerType(config, config.Integer("max_position_embeddings", maxPositions), wholeTheta: 1e6, localTheta: 1e4);
        var spec = CommonKeys.Read(
            config,
            Architecture,
            maxPositions,
            headDimension: 256,
            keyValueHeads: _ => 4,
            activationKey: "hidden_activation",
            activation: Activation.GeluTanh,
            rope: whole);
        config.Refuse("use_bidirectional_attention", "tokens must not see later ones.");
        var bias = config.Flag("attention_bias", false);
        // Every sixth layer sees the whole text. 5.x writes the rule's number under either name, beside the layer_types that follow from
        // it.
        var pattern = config.Integer("sliding_window_pattern", config.Integer("_sliding_window_pattern", 6));
        if (pattern < 1)
            throw new InputException($"{config.Source}: sliding_window_pattern is {pattern}; it must be at least 1.");
        return spec with
        {
            LocalRope = local,
            Windows = CommonKeys.Windows(config, spec.Layers, config.Integer("sliding_window", 4_096), layer => (layer + 1) % pattern != 0),
            Norm = NormKind.RmsFromOne,
            NormPlacement = NormPlacement.Around,
            QueryKeyNorm = true,
            QueryKeyValueBias = bias,
            OutputBias = bias,
            ScaleEmbeddings = true,
            AttentionScalar = config.Number("query_pre_attn_scalar", 256),
            AttentionSoftcap = config.OptionalNumber("attn_logit_softcapping"),
            LogitSoftcap = config.OptionalNumber("final_logit_softcapping"),
            TieEmbeddings = config.Flag("tie_word_embeddings", true),
            EosTokens = config.Tokens("eos_token_id", 1),
            BosToken = config.Has("bos_token_id") ? spec.BosToken : 2,
            PadToken = config.Has("pad_token_id") ? spec.PadToken : 0,
        };
    }

    public static void Write(DecoderSpec spec, JsonObject config)
    {
        config.Remove("hidden_act");
        config["hidden_activation"] = CommonKeys.NameOf(spec.Activation);
        config["attention_bias"] = spec.OutputBias;
        config["rope_local_base_freq"] = spec.LocalRope?.Theta;
        config["sliding_window"] = spec.Windows.Length > 0 ? spec.Windows.Max() : null;
        config["layer_types"] = ConfigWriter.LayerTypes(spec);
        config["query_pre_attn_scalar"] = spec.AttentionScalar;
        config["attn_logit_softcapping"] = spec.AttentionSoftcap;
        config["final_logit_softcapping"] = spec.LogitSoftcap;
    }
}
