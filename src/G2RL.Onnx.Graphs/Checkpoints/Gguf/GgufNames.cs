using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Families;

namespace G2RL.Onnx.Checkpoints;

/// <summary>The names that llama.cpp gives to architectures and to Hugging Face's weights.</summary>
/// <remarks>Source: the tensor names of docs/gguf.md (ggml-org/ggml).</remarks>
internal static class GgufNames
{
    private static readonly Dictionary<string, string> Architectures = new(StringComparer.Ordinal)
    {
        [Llama.Architecture] = "llama",
        [Mistral.Architecture] = "llama",
        [Qwen2.Architecture] = "qwen2",
        [Qwen3.Architecture] = "qwen3",
        [Phi3.Architecture] = "phi3",
        [Gemma3.Architecture] = "gemma3",
        [Olmo2.Architecture] = "olmo2",
        [Gpt2.Architecture] = "gpt2",
    };

    private static readonly Dictionary<string, string> Modules = new(StringComparer.Ordinal)
    {
        ["input_layernorm"] = "attn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.qkv_proj"] = "attn_qkv",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.q_norm"] = "attn_q_norm",
        ["self_attn.k_norm"] = "attn_k_norm",
        ["pre_feedforward_layernorm"] = "ffn_norm",
        ["post_feedforward_layernorm"] = "post_ffw_norm",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.gate_up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
        ["ln_1"] = "attn_norm",
        ["attn.c_attn"] = "attn_qkv",
        ["attn.c_proj"] = "attn_output",
        ["ln_2"] = "ffn_norm",
        ["mlp.c_fc"] = "ffn_up",
        ["mlp.c_proj"] = "ffn_down",
    };

    private static readonly Dictionary<string, string> Outside = new(StringComparer.Ordinal)
    {
        ["model.embed_tokens"] = "token_embd",
        ["model.norm"] = "output_norm",
        ["lm_head"] = "output",
        ["transformer.wte"] = "token_embd",
        ["transformer.wpe"] = "position_embd",
        ["transformer.ln_f"] = "output_norm",
    };

    /// <summary>What llama.cpp calls an architecture; null where it has none of that name.</summary>
    public static string? Architecture(DecoderSpec spec) => Architectures.GetValueOrDefault(spec.Architecture);

    /// <summary>model.layers.3.mlp.up_proj.weight is blk.3.ffn_up.weight.</summary>
    /// <param name="spec">Where norms stand decides what "post_attention_layernorm" is.</param>
    /// <param name="parameter">One of the spec's parameters.</param>
    public static string Of(DecoderSpec spec, string parameter)
    {
        var dot = parameter.LastIndexOf('.');
        var (module, kind) = (parameter[..dot], parameter[dot..]);
        var prefix = DecoderNames.Of(spec).Layers + ".";
        if (!module.StartsWith(prefix, StringComparison.Ordinal))
            return Outside[module] + kind;
        var rest = module[prefix.Length..];
        var first = rest.IndexOf('.', StringComparison.Ordinal);
        var name = rest[(first + 1)..] switch
        {
            "post_attention_layernorm" => spec.NormPlacement == NormPlacement.Before ? "ffn_norm" : "post_attention_norm",
            var other => Modules[other],
        };
        return $"blk.{rest[..first]}.{name}{kind}";
    }
}
