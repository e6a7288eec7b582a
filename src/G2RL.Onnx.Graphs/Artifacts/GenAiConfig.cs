using System.Text.Json.Nodes;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Families;

namespace G2RL.Onnx.Artifacts;

/// <summary>genai_config.json: what ONNX Runtime GenAI reads beside decode.onnx and the tokenizer's files.</summary>
internal static class GenAiConfig
{
    public const string FileName = "genai_config.json";

    public static string Write(DecoderSpec spec, int maxLength)
    {
        var eos = spec.EosTokens;
        var config = new JsonObject
        {
            ["model"] = new JsonObject
            {
                ["bos_token_id"] = spec.BosToken ?? spec.PadToken ?? eos.FirstOrDefault(),
                ["context_length"] = maxLength,
                ["decoder"] = new JsonObject
                {
                    ["session_options"] = new JsonObject { ["log_id"] = "onnxruntime-genai", ["provider_options"] = new JsonArray() },
                    ["filename"] = "decode.onnx",
                    // The width of a head in the cache, which is what this is used for.
                    ["head_size"] = DecoderGraph.CacheWidth(spec),
                    ["hidden_size"] = spec.HiddenSize,
                    ["inputs"] = new JsonObject
                    {
                        ["input_ids"] = "input_ids",
                        ["attention_mask"] = "attention_mask",
                        ["position_ids"] = "position_ids",
                        ["past_key_names"] = "past_key_values.%d.key",
                        ["past_value_names"] = "past_key_values.%d.value",
                    },
                    ["outputs"] = new JsonObject
                    {
                        ["logits"] = "logits",
                        ["hidden_states"] = "last_hidden_state",
                        ["present_key_names"] = "present.%d.key",
                        ["present_value_names"] = "present.%d.value",
                    },
                    ["num_attention_heads"] = spec.Heads,
                    ["num_hidden_layers"] = spec.Layers,
                    ["num_key_value_heads"] = spec.KeyValueHeads,
                },
                ["eos_token_id"] = eos.Length == 1 ? eos[0] : new JsonArray([.. eos.Select(id => (JsonNode)id)]),
                ["pad_token_id"] = spec.PadToken ?? eos.FirstOrDefault(),
                // A family that the reader does not list is a plain decoder to it.
                ["type"] = spec.ModelType == Olmo2.ModelType ? "decoder" : spec.ModelType,
                ["vocab_size"] = spec.VocabularySize,
            },
            ["search"] = new JsonObject
            {
                ["do_sample"] = false,
                ["max_length"] = maxLength,
                ["min_length"] = 0,
                ["num_beams"] = 1,
                ["num_return_sequences"] = 1,
                ["past_present_share_buffer"] = true,
                ["temperature"] = 1.0,
                ["top_k"] = 50,
                ["top_p"] = 1.0,
            },
        };
        return config.ToJsonString(new() { WriteIndented = true }) + "\n";
    }
}
