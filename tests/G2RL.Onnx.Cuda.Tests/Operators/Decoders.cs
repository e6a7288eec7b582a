using System.Text.Json.Nodes;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Cuda.Tests.Operators;

/// <summary>
/// A small decoder of every architecture, with the features that bring operators of their own: windows, soft caps, biases, heads that the
/// cache pads.
/// </summary>
internal static class Decoders
{
    public static IReadOnlyDictionary<string, DecoderSpec> All { get; } = Architectures.Names.ToDictionary(
        name => name,
        name => Architectures.Parse(Config(name), name),
        StringComparer.Ordinal);

    private static string Config(string architecture)
    {
        var config = JsonNode.Parse(architecture == "GPT2LMHeadModel"
            ? """{"vocab_size": 19, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "eos_token_id": 1, "bos_token_id": 1, "pad_token_id": 0}"""
            : """{"vocab_size": 19, "hidden_size": 24, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": false, "eos_token_id": 1, "bos_token_id": 1, "pad_token_id": 0}""")!
            .AsObject();
        config["architectures"] = new JsonArray(architecture);
        switch (architecture)
        {
            case "MistralForCausalLM":
                config["sliding_window"] = 4;
                break;
            case "Phi3ForCausalLM":
                (config["partial_rotary_factor"], config["hidden_size"]) = (0.5, 32);
                break;
            case "Gemma3ForCausalLM":
                (config["head_dim"], config["sliding_window"], config["layer_types"]) =
                    (8, 4, new JsonArray("sliding_attention", "full_attention"));
                (config["attn_logit_softcapping"], config["final_logit_softcapping"]) = (50, 30);
                break;
            case "LlamaForCausalLM":
                (config["attention_bias"], config["mlp_bias"]) = (true, true);
                break;
        }
        return config.ToJsonString();
    }
}
