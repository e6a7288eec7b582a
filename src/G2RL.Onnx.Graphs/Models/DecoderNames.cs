namespace G2RL.Onnx.Models;

/// <summary>
/// Hugging Face's names of a decoder's modules. What a model lacks has no name. Names of a layer's modules follow <see cref="Prefix"/>;
/// parameters add ".weight" and ".bias".
/// </summary>
internal sealed record DecoderNames
{
    public required string Embedding { get; init; }

    /// <summary>Learned positions.</summary>
    public string? Positions { get; init; }

    public required string Layers { get; init; }

    public string? BeforeAttention { get; init; }

    public string? AfterAttention { get; init; }

    public string? BeforeMlp { get; init; }

    public string? AfterMlp { get; init; }

    /// <summary>Query, key and value projections, apart ...</summary>
    public string[] QueryKeyValue { get; init; } = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];

    /// <summary>... or in one matrix.</summary>
    public string? FusedQueryKeyValue { get; init; }

    public string QueryNorm { get; init; } = "self_attn.q_norm";

    public string KeyNorm { get; init; } = "self_attn.k_norm";

    public string AttentionOutput { get; init; } = "self_attn.o_proj";

    /// <summary>Gate and up projections apart (up alone where there is no gate) ...</summary>
    public string[] GateUp { get; init; } = ["mlp.gate_proj", "mlp.up_proj"];

    /// <summary>... or in one matrix.</summary>
    public string? FusedGateUp { get; init; }

    public string Down { get; init; } = "mlp.down_proj";

    public required string FinalNorm { get; init; }

    /// <summary>The untied LM head.</summary>
    public string Head { get; init; } = "lm_head";

    /// <summary>
    /// What a checkpoint of the bare decoder, saved without its LM head, leaves out of every name (transformers' base_model_prefix).
    /// </summary>
    public required string Base { get; init; }

    public string Prefix(int layer) => $"{Layers}.{layer}.";

    public static DecoderNames Of(DecoderSpec spec) => spec.Weights switch
    {
        WeightLayout.Gpt2 => Gpt2,
        WeightLayout.Fused => Llama(spec) with { FusedQueryKeyValue = "self_attn.qkv_proj", FusedGateUp = "mlp.gate_up_proj" },
        _ => Llama(spec),
    };

    private static DecoderNames Llama(DecoderSpec spec)
    {
        var names = new DecoderNames
        {
            Embedding = "model.embed_tokens",
            Layers = "model.layers",
            FinalNorm = "model.norm",
            Base = "model.",
        };
        // "post_attention_layernorm" names the norm before the feed-forward block in one family and the one after attention in another.
        return spec.NormPlacement switch
        {
            NormPlacement.Before => names with { BeforeAttention = "input_layernorm", BeforeMlp = "post_attention_layernorm" },
            NormPlacement.After => names with { AfterAttention = "post_attention_layernorm", AfterMlp = "post_feedforward_layernorm" },
            _ => names with
            {
                BeforeAttention = "input_layernorm",
                AfterAttention = "post_attention_layernorm",
                BeforeMlp = "pre_feedforward_layernorm",
                AfterMlp = "post_feedforward_layernorm",
            },
        };
    }

    private static readonly DecoderNames Gpt2 = new()
    {
        Embedding = "transformer.wte",
        Positions = "transformer.wpe",
        Layers = "transformer.h",
        BeforeAttention = "ln_1",
        FusedQueryKeyValue = "attn.c_attn",
        AttentionOutput = "attn.c_proj",
        BeforeMlp = "ln_2",
        GateUp = ["mlp.c_fc"],
        Down = "mlp.c_proj",
        FinalNorm = "transformer.ln_f",
        Base = "transformer.",
    };
}
