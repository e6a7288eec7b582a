using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models.Families;

/// <summary>Phi-3 and Phi-4-mini: Llama with q, k, v and gate, up fused, a part of each head rotated, and an attention window.</summary>
internal static class Phi3
{
    public const string Architecture = "Phi3ForCausalLM";
    public const string ModelType = "phi3";

    public static DecoderSpec Describe(ConfigReader config)
    {
        var spec =
            CommonKeys.Read(config, Architecture, maxPositions: 4_096, keyValueHeads: heads => heads, epsilon: 1e-5, partialRotary: true);
        // Dropout, and the length that longrope (refused by name) counts from.
        config.Ignore("embd_pdrop", "resid_pdrop", "original_max_position_embeddings");
        config.Refuse("attention_bias", "Phi-3's attention has no biases.");
        config.Refuse("mlp_bias", "Phi-3's feed-forward block has no biases.");
        return spec with
        {
            Weights = WeightLayout.Fused,
            Windows = CommonKeys.Windows(config, spec.Layers, config.OptionalInteger("sliding_window")),
            EosTokens = config.Tokens("eos_token_id", 32_000),
            BosToken = config.Has("bos_token_id") ? spec.BosToken : 1,
            PadToken = config.Has("pad_token_id") ? spec.PadToken : 32_000,
        };
    }

    public static void Write(DecoderSpec spec, JsonObject config)
    {
        config["sliding_window"] = spec.Windows.Length > 0 ? spec.Windows[0] : null;
        config["partial_rotary_factor"] = (double)(spec.RotaryDimension ?? spec.HeadDimension) / spec.HeadDimension;
    }
}
