using System.Text.Json;

namespace G2RL.Onnx.Models;

/// <summary>Keys that mean the same in every family.</summary>
internal static class CommonKeys
{
    // Storage, provenance, initialisation, caching, text generation and dropout (0 in every pass of RL, as in evaluation): no part in the mathematics.
    private static readonly string[] Harmless =
    [
        "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_name_or_path", "architectures", "attention_dropout", "bad_words_ids",
        "begin_suppress_tokens", "cache_implementation", "chunk_size_feed_forward", "decoder_start_token_id", "diversity_penalty", "do_sample", "dtype",
        "early_stopping", "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id",
        "forced_eos_token_id", "id2label", "initializer_range", "is_llama_config", "keys_to_ignore_at_inference", "label2id", "length_penalty", "max_length",
        "max_window_layers", "min_length", "model_type", "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences",
        "output_attentions", "output_hidden_states", "output_scores", "prefix", "problem_type", "remove_invalid_values", "repetition_penalty",
        "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss",
        "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript", "transformers.js_config", "transformers_version", "typical_p", "unk_token_id",
        "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache",
    ];

    /// <summary>Sizes, tokens and positions. The caller gives what the family's own class defaults to.</summary>
    /// <param name="config">The keys.</param>
    /// <param name="architecture">Name in <see cref="Architectures.All"/>.</param>
    /// <param name="maxPositions">transformers' default of max_position_embeddings.</param>
    /// <param name="headDimension">transformers' default of head_dim; null: hidden_size / num_attention_heads.</param>
    /// <param name="keyValueHeads">What a missing num_key_value_heads means; null: it must be there.</param>
    public static DecoderSpec Read(ConfigReader config, string architecture, int maxPositions, int? headDimension = null, Func<int, int>? keyValueHeads = null)
    {
        config.Ignore(Harmless);
        config.Expect("hidden_act", config.OptionalText("hidden_act") is null or "silu" or "swish", "only silu is. Other gates need a case in Activation.");
        config.Expect("partial_rotary_factor", config.Number("partial_rotary_factor", 1) == 1, "the whole head must be rotated.");
        config.Expect("is_decoder", true, "");
        config.Refuse("quantization", "give the unquantised checkpoint.");
        config.Refuse("quantization_config", "give the unquantised checkpoint.");
        config.Refuse("auto_map", "the model brings its own code, which may compute anything. Remove the key if the code is that of transformers.");
        config.Refuse("is_encoder_decoder", "only decoders are.");
        config.Refuse("add_cross_attention", "only self-attention is.");
        config.Refuse("tie_encoder_decoder", "only decoders are.");
        config.Refuse("cross_attention_hidden_size", "only self-attention is.");
        config.Refuse("use_mrope", "positions must be one-dimensional.");
        config.Expect("pruned_heads", config.Child("pruned_heads") is null or { IsEmpty: true }, "all heads must be there.");

        var hidden = config.Integer("hidden_size");
        var heads = config.Integer("num_attention_heads");
        var layers = config.Integer("num_hidden_layers");
        var positions = config.Integer("max_position_embeddings", maxPositions);
        LayerTypes(config, layers);
        return new DecoderSpec
        {
            Architecture = architecture,
            ModelType = config.OptionalText("model_type") ?? Architectures.ModelTypeOf(architecture),
            VocabularySize = config.Integer("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = config.Integer("intermediate_size"),
            Layers = layers,
            Heads = heads,
            KeyValueHeads = config.OptionalInteger("num_key_value_heads") ?? keyValueHeads?.Invoke(heads) ?? config.Integer("num_key_value_heads"),
            HeadDimension = config.OptionalInteger("head_dim") ?? headDimension ?? WholeHead(config.Source, hidden, heads),
            NormEpsilon = config.Number("rms_norm_eps", 1e-6),
            MaxPositions = positions,
            Rope = RopeKeys.Read(config, positions),
            TieEmbeddings = config.Flag("tie_word_embeddings", false),
            EosTokens = config.Tokens("eos_token_id"),
            BosToken = config.Token("bos_token_id"),
            PadToken = config.Token("pad_token_id"),
        };
    }

    /// <summary>Qwen's window: `use_sliding_window` (default false) turns it on, and then only layers from `max_window_layers` on slide.</summary>
    public static void QwenWindow(ConfigReader config, int layers)
    {
        var on = config.Flag("use_sliding_window", false);
        var from = config.OptionalInteger("max_window_layers") ?? layers;
        config.Expect("sliding_window", !on || from >= layers || config.Has("layer_types"), "every layer must see the whole text. Set use_sliding_window to false if texts stay shorter than the window.");
    }

    private static int WholeHead(string source, int hidden, int heads) =>
        heads > 0 && hidden % heads == 0
            ? hidden / heads
            : throw new InputException($"{source}: hidden_size is {hidden} and num_attention_heads {heads}; without head_dim the first must be a multiple of the second.");

    private static void LayerTypes(ConfigReader config, int layers)
    {
        if (config.Take("layer_types") is not { } types)
            return;
        if (types.ValueKind != JsonValueKind.Array || types.GetArrayLength() != layers)
            throw config.Wrong("layer_types", types, $"a list of num_hidden_layers = {layers} names");
        config.Expect("layer_types", types.EnumerateArray().All(type => JsonInput.Text(type) == "full_attention"), "every layer must be 'full_attention'.");
    }
}
