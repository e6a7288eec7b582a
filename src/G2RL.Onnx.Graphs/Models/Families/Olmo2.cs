using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models.Families;

/// <summary>
/// OLMo 2: norms after attention and after the feed-forward block, not before, and norms of queries and keys across all heads.
/// </summary>
internal static class Olmo2
{
    public const string Architecture = "Olmo2ForCausalLM";
    public const string ModelType = "olmo2";

    public static DecoderSpec Describe(ConfigReader config)
    {
        var spec = CommonKeys.Read(config, Architecture, maxPositions: 2_048, keyValueHeads: heads => heads, epsilon: 1e-5);
        CommonKeys.WholeText(config, spec.Layers);
        config.Refuse("clip_qkv", "queries, keys and values must not be clipped.");
        var bias = config.Flag("attention_bias", false);
        return spec with
        {
            NormPlacement = NormPlacement.After,
            QueryKeyNorm = true,
            QueryKeyNormAcrossHeads = true,
            QueryKeyValueBias = bias,
            OutputBias = bias,
            EosTokens = config.Tokens("eos_token_id", 50_279),
            PadToken = config.Has("pad_token_id") ? spec.PadToken : 1,
        };
    }

    public static void Write(DecoderSpec spec, JsonObject config) => config["attention_bias"] = spec.OutputBias;
}
