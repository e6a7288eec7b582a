using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models.Families;

/// <summary>Mistral: Llama without biases, with one attention window for all layers unless it is null.</summary>
internal static class Mistral
{
    public const string Architecture = "MistralForCausalLM";
    public const string ModelType = "mistral";

    public static DecoderSpec Describe(ConfigReader config)
    {
        var spec = CommonKeys.Read(config, Architecture, maxPositions: 131_072, keyValueHeads: _ => 8);
        config.Refuse("attention_bias", "Mistral's attention has no biases.");
        config.Refuse("mlp_bias", "Mistral's feed-forward block has no biases.");
        return spec with
        {
            // A missing key means transformers' default; null means no window.
            Windows = CommonKeys.Windows(
                config,
                spec.Layers,
                config.Has("sliding_window") ? config.OptionalInteger("sliding_window") : 4_096),
            EosTokens = config.Tokens("eos_token_id", 2),
            BosToken = config.Has("bos_token_id") ? spec.BosToken : 1,
        };
    }

    public static void Write(DecoderSpec spec, JsonObject config) =>
        config["sliding_window"] = spec.Windows.Length > 0 ? spec.Windows[0] : null;
}
