using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models.Families;

/// <summary>Qwen2 and Qwen2.5: biases on queries, keys and values, always, and on nothing else.</summary>
internal static class Qwen2
{
    public const string Architecture = "Qwen2ForCausalLM";
    public const string ModelType = "qwen2";

    public static DecoderSpec Describe(ConfigReader config)
    {
        var spec = CommonKeys.Read(config, Architecture, maxPositions: 32_768);
        config.Refuse("mlp_bias", "Qwen2's feed-forward block has no biases.");
        return spec with { Windows = CommonKeys.QwenWindows(config, spec.Layers), QueryKeyValueBias = true };
    }

    public static void Write(DecoderSpec spec, JsonObject config)
    {
        if (spec.Windows.Length == 0)
            return;
        config["use_sliding_window"] = true;
        config["sliding_window"] = spec.Windows.Max();
        config["layer_types"] = ConfigWriter.LayerTypes(spec);
    }
}
