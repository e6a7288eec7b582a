using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models.Families;

/// <summary>Llama 2 and 3 and what shares their shape (SmolLM2): biases only where `attention_bias` and `mlp_bias` say so.</summary>
internal static class Llama
{
    public const string Architecture = "LlamaForCausalLM";
    public const string ModelType = "llama";

    public static DecoderSpec Describe(ConfigReader config)
    {
        var spec = CommonKeys.Read(config, Architecture, maxPositions: 2_048, keyValueHeads: heads => heads);
        config.Expect(
            "pretraining_tp",
            config.Number("pretraining_tp", 1) == 1,
            "products must not be cut into slices. 1 gives the same model up to rounding.");
        CommonKeys.WholeText(config, spec.Layers);
        var bias = config.Flag("attention_bias", false);
        return spec with
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = config.Flag("mlp_bias", false),
            // What transformers' LlamaConfig takes when the keys are missing (null is not missing).
            EosTokens = config.Tokens("eos_token_id", 2),
            BosToken = config.Has("bos_token_id") ? spec.BosToken : 1,
        };
    }

    public static void Write(DecoderSpec spec, JsonObject config)
    {
        config["attention_bias"] = spec.OutputBias;
        config["mlp_bias"] = spec.MlpBias;
    }
}
