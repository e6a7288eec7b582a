namespace G2RL.Onnx.Models.Keys;

/// <summary>How a family's config.json spells the common keys, for messages.</summary>
internal static class ConfigKeys
{
    private static readonly Dictionary<string, string> Gpt2 = new(StringComparer.Ordinal)
    {
        ["hidden_size"] = "n_embd",
        ["intermediate_size"] = "n_inner",
        ["num_hidden_layers"] = "n_layer",
        ["num_attention_heads"] = "n_head",
        ["num_key_value_heads"] = "n_head",
        ["max_position_embeddings"] = "n_positions",
        ["rms_norm_eps"] = "layer_norm_epsilon",
    };

    public static Func<string, string> Of(DecoderSpec spec) =>
        key => spec.Weights == WeightLayout.Gpt2 ? Gpt2.GetValueOrDefault(key, key) : key;
}
