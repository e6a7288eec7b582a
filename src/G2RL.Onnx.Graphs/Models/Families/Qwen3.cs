using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models.Families;

/// <summary>Qwen3: head_dim apart from hidden_size, RMS norms on queries and keys, no biases unless `attention_bias`.</summary>
internal static class Qwen3
{
    public const string Architecture = "Qwen3ForCausalLM";
    public const string ModelType = "qwen3";

    public static DecoderSpec Describe(ConfigReader config)
    {
        var spec = CommonKeys.Read(config, Architecture, maxPositions: 32_768, headDimension: 128);
        config.Refuse("mlp_bias", "Qwen3's feed-forward block has no biases.");
        var bias = config.Flag("attention_bias", false);
        return spec with
        {
            Windows = CommonKeys.QwenWindows(config, spec.Layers),
            QueryKeyNorm = true,
            QueryKeyValueBias = bias,
            OutputBias = bias,
        };
    }

    public static void Write(DecoderSpec spec, JsonObject config)
    {
        config["attention_bias"] = spec.OutputBias;
        Qwen2.Write(spec, config);
    }
}
