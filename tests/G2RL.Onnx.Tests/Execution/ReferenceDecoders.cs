using static G2RL.Onnx.Tests.ReferenceMath;

namespace G2RL.Onnx.Tests;

/// <summary>
/// Forward passes in double precision of families or features that no golden folder covers, each written out from its paper or from
/// transformers' description, for one sequence of tokens. Sizes and constants are written out; nothing is taken from our spec.
/// </summary>
internal static class ReferenceDecoders
{
    /// <summary>Weights by Hugging Face's name, row-major as a checkpoint stores them.</summary>
    public delegate double[] Source(string name);

    /// <summary>A config.json and the forward pass that it describes: tokens to logits [T][V].</summary>
    public sealed record Case(string Config, Func<Source, int[], double[][]> Logits);

    public static IReadOnlyDictionary<string, Case> All { get; } = new Dictionary<string, Case>(StringComparer.Ordinal)
    {
        ["gpt2"] = new(
            """{"model_type": "gpt2", "vocab_size": 31, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_inner": 40, "n_positions": 64, "eos_token_id": 1, "bos_token_id": 0}""",
            Gpt2),
        ["olmo2"] = new(
            """{"model_type": "olmo2", "vocab_size": 31, "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 500000, "eos_token_id": 1}""",
            Olmo2),
        // What golden-phi3-a lacks: a part of each head rotated, and a window.
        ["phi3"] = new(
            """{"model_type": "phi3", "vocab_size": 31, "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3, "num_key_value_heads": 1, "max_position_embeddings": 64, "partial_rotary_factor": 0.5, "sliding_window": 4, "eos_token_id": 1, "pad_token_id": 0}""",
            Phi3),
        // What golden-gemma3-a lacks: both soft caps, and biases.
        ["gemma3"] = new(
            """{"model_type": "gemma3_text", "vocab_size": 31, "hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12, "max_position_embeddings": 64, "query_pre_attn_scalar": 9, "sliding_window": 3, "sliding_window_pattern": 2, "attn_logit_softcapping": 1.5, "final_logit_softcapping": 2.5, "attention_bias": true, "eos_token_id": 1}""",
            Gemma3),
    };

    // Radford et al. 2019: norms before each block and at the end, learned positions, tanh-GELU, head tied.
    private static double[][] Gpt2(Source w, int[] ids)
    {
        const int width = 8, d = 24;
        double[] wte = w("transformer.wte.weight"), wpe = w("transformer.wpe.weight");
        var x = ids.Select((id, t) => Add(wte[(id * d)..((id + 1) * d)], wpe[(t * d)..((t + 1) * d)])).ToArray();
        for (var layer = 0; layer < 2; layer++)
        {
            var p = $"transformer.h.{layer}.";
            double[] Norm(double[] row, string name) => LayerNorm(row, w($"{p}{name}.weight"), w($"{p}{name}.bias"), 1e-5);
            double[] Conv(double[] row, string name) => LinearByInput(row, w($"{p}{name}.weight"), w($"{p}{name}.bias"));
            var qkv = Map(x, row => Conv(Norm(row, "ln_1"), "attn.c_attn"));
            var mixed =
                Attend(Map(qkv, r => r[..d]), Map(qkv, r => r[d..(2 * d)]), Map(qkv, r => r[(2 * d)..]), width, 1 / Math.Sqrt(width));
            x = Add(x, Map(mixed, row => Conv(row, "attn.c_proj")));
            x = Add(x, Map(x, row => Conv([.. Conv(Norm(row, "ln_2"), "mlp.c_fc").Select(GeluTanh)], "mlp.c_proj")));
        }
        return Map(x, row => Linear(LayerNorm(row, w("transformer.ln_f.weight"), w("transformer.ln_f.bias"), 1e-5), wte));
    }

    // OLMo 2 (arXiv:2501.00656): norms on what attention and the feed-forward block give, and on whole queries and keys.
    private static double[][] Olmo2(Source w, int[] ids)
    {
        const int width = 6, d = 24;
        var embedding = w("model.embed_tokens.weight");
        var x = ids.Select(id => embedding[(id * d)..((id + 1) * d)]).ToArray();
        for (var layer = 0; layer < 2; layer++)
        {
            var p = $"model.layers.{layer}.";
            double[] Norm(double[] row, string name) => Rms(row, w($"{p}{name}.weight"), 1e-5);
            double[] Project(double[] row, string name) => Linear(row, w($"{p}{name}.weight"));
            double[][] Turned(string name) => [.. x.Select((row, t) => PerHead(
                Norm(Project(row, $"self_attn.{name}_proj"), $"self_attn.{name}_norm"),
                width,
                head => Rotate(head, t, 500_000, width)))];
            var mixed = Attend(Turned("q"), Turned("k"), Map(x, row => Project(row, "self_attn.v_proj")), width, 1 / Math.Sqrt(width));
            x = Add(x, Map(mixed, row => Norm(Project(row, "self_attn.o_proj"), "post_attention_layernorm")));
            x = Add(x, Map(x, row => Norm(
                Project([.. Project(row, "mlp.gate_proj").Zip(Project(row, "mlp.up_proj"), (g, u) => Silu(g) * u)], "mlp.down_proj"),
                "post_feedforward_layernorm")));
        }
        return Map(x, row => Linear(Rms(row, w("model.norm.weight"), 1e-5), w("lm_head.weight")));
    }

    private static double[][] Phi3(Source w, int[] ids)
    {
        const int width = 8, d = 24, inner = 36;
        var embedding = w("model.embed_tokens.weight");
        var x = ids.Select(id => embedding[(id * d)..((id + 1) * d)]).ToArray();
        for (var layer = 0; layer < 2; layer++)
        {
            var p = $"model.layers.{layer}.";
            var qkv = Map(x, row => Linear(Rms(row, w(p + "input_layernorm.weight"), 1e-5), w(p + "self_attn.qkv_proj.weight")));
            double[][] Turned(
                Range part) => [.. qkv.Select((row, t) => PerHead(row[part], width, head => Rotate(head, t, 10_000, rotated: 4)))];
            var mixed = Attend(Turned(..24), Turned(24..32), Map(qkv, row => row[32..]), width, 1 / Math.Sqrt(width), window: 4);
            x = Add(x, Map(mixed, row => Linear(row, w(p + "self_attn.o_proj.weight"))));
            var both = Map(x, row => Linear(Rms(row, w(p + "post_attention_layernorm.weight"), 1e-5), w(p + "mlp.gate_up_proj.weight")));
            x = Add(x, Map(both, row => Linear([.. row[..inner].Zip(row[inner..], (g, u) => Silu(g) * u)], w(p + "mlp.down_proj.weight"))));
        }
        return Map(x, row => Linear(Rms(row, w("model.norm.weight"), 1e-5), w("lm_head.weight")));
    }

    // Gemma 3 (arXiv:2503.19786) with Gemma 2's soft caps: every second layer of three sees the whole text.
    private static double[][] Gemma3(Source w, int[] ids)
    {
        const int width = 12, d = 24;
        const double epsilon = 1e-6;
        var embedding = w("model.embed_tokens.weight");
        var x = ids.Select(id => embedding[(id * d)..((id + 1) * d)].Select(v => v * (float)Math.Sqrt(d)).ToArray()).ToArray();
        for (var layer = 0; layer < 3; layer++)
        {
            var p = $"model.layers.{layer}.";
            var (theta, window) = layer == 1 ? (1e6, int.MaxValue) : (1e4, 3);
            double[] Norm(double[] row, string name) => Rms(row, w($"{p}{name}.weight"), epsilon, from: 1);
            double[] Project(double[] row, string name) =>
                Linear(row, w($"{p}self_attn.{name}_proj.weight"), w($"{p}self_attn.{name}_proj.bias"));
            var h = Map(x, row => Norm(row, "input_layernorm"));
            double[][] Turned(string name) => [.. h.Select((row, t) =>
                PerHead(Project(row, name), width, head => Rotate(Norm(head, $"self_attn.{name}_norm"), t, theta, width)))];
            var mixed = Attend(Turned("q"), Turned("k"), Map(h, row => Project(row, "v")), width, 1 / Math.Sqrt(9), window, cap: 1.5);
            x = Add(x, Map(mixed, row => Norm(Project(row, "o"), "post_attention_layernorm")));
            double[] Mlp(double[] row) => Linear(
                [.. Linear(row, w(p + "mlp.gate_proj.weight")).Zip(Linear(row, w(p + "mlp.up_proj.weight")), (g, u) => GeluTanh(g) * u)],
                w(p + "mlp.down_proj.weight"));
            x = Add(x, Map(x, row => Norm(Mlp(Norm(row, "pre_feedforward_layernorm")), "post_feedforward_layernorm")));
        }
        return Map(x, row => Linear(Rms(row, w("model.norm.weight"), epsilon, from: 1), embedding).Select(z => Softcap(z, 2.5)).ToArray());
    }
}
