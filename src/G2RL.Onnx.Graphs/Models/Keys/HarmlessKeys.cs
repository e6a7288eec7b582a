using System.Text.RegularExpressions;

namespace G2RL.Onnx.Models.Keys;

/// <summary>
/// Keys of config.json that have no part in the mathematics of a forward pass, by kind rather than by name, since writers keep inventing
/// names of the same
/// few kinds. A family's own keys are read before this is asked. What fits no kind is unknown, and is named.
/// </summary>
internal static partial class HarmlessKeys
{
    /// <summary>The kinds, each with what its keys are for.</summary>
    public static IReadOnlyList<(string Kind, Regex Keys)> Kinds { get; } =
    [
        ("dropout, which is off in every pass here", Dropout()),
        ("how weights were initialised", Initialization()),
        ("losses and settings of a training elsewhere", Training()),
        ("labels and heads of a classifier", Labels()),
        ("how texts are generated", Generation()),
        ("ids and texts of special tokens", SpecialTokens()),
        ("lengths that a tokenizer or a trainer keeps to", Lengths()),
        ("which kernels and what parallelism a library uses", Implementation()),
        ("where a file is from and how it is stored", Provenance()),
        ("what a library's calls return", Outputs()),
    ];

    /// <summary>Whether a key is of one of the kinds.</summary>
    public static bool Contains(string key) => Kinds.Any(kind => kind.Keys.IsMatch(key));

    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking;

    [GeneratedRegex(@"^_?([a-z]+_)*(dropout|dropout_rate|dropout_prob|dropout_p|drop_rate|drop_path_rate|pdrop|layerdrop)\z", Options)]
    private static partial Regex Dropout();

    [GeneratedRegex(
        @"^_?((initializer|init)_(range|std|factor|device|method|scale|type|cutoff_factor|config)"
        + @"|([a-z]+_)*(initializer_range|init_std|init_method))\z",
        Options)]
    private static partial Regex Initialization();

    [GeneratedRegex(
        @"^_?(gradient_checkpointing[a-z_]*|use_gradient_checkpointing|neftune_noise_alpha|label_smoothing[a-z_]*|ignore_index|loss_[a-z_]+"
        + @"|([a-z0-9]+_)*(loss_coef|loss_weight|loss_coefficient|aux_loss)|use_fused_(cross_entropy|linear_cross_entropy|loss)|"
        + @"fuse_cross_entropy"
        + @"|lora_[a-z_]+|learning_rate|weight_decay|warmup_steps|optimizer|optim|seed|random_seed|train_batch_size|finetuning_task|"
        + @"problem_type"
        + @"|freeze_[a-z_]+|training_[a-z_]+)\z",
        Options)]
    private static partial Regex Training();

    [GeneratedRegex(
        @"^_?(num_labels|id2label|label2id|classifier_[a-z_]+|summary_[a-z_]+|predict_special_tokens|task_specific_params"
        + @"|keys_to_ignore_at_inference)\z",
        Options)]
    private static partial Regex Labels();

    [GeneratedRegex(
        @"^_?(bad_words_ids|(begin_)?suppress_tokens|diversity_penalty|do_sample|early_stopping|(encoder_)?no_repeat_ngram_size"
        + @"|exponential_decay_length_penalty|length_penalty|(max|min)(_new)?_length|(max|min)_new_tokens|max_time|num_beam_groups|"
        + @"num_beams"
        + @"|num_return_sequences|prefix|remove_invalid_values|(encoder_)?repetition_penalty|renormalize_logits|temperature|top_k|top_p|"
        + @"min_p"
        + @"|typical_p|epsilon_cutoff|eta_cutoff|penalty_alpha|guidance_scale|stop_strings|sequence_bias|forced_decoder_ids|constraints"
        + @"|force_words_ids|low_memory"
        + @"|watermarking_config|cache_implementation|cache_config|generation_[a-z_]+|chat_template|prompt_lookup_[a-z_]+|"
        + @"assistant_[a-z_]+)\z",
        Options)]
    private static partial Regex Generation();

    [GeneratedRegex(
        @"^_?([a-z0-9]+_)*(token_ids?|token_index|bos_token|eos_token|pad_token|unk_token|sep_token|cls_token|mask_token)\z",
        Options)]
    private static partial Regex SpecialTokens();

    [GeneratedRegex(
        @"^_?((model_|tokenizer_model_)?max_(seq|sequence|prompt|input)?_?(length|len|tokens)|(max_)?seq(uence)?_(len|length)|n_ctx|"
            + @"block_size"
        + @"|context_length|tokenizer_[a-z_]+)\z",
        Options)]
    private static partial Regex Lengths();

    [GeneratedRegex(
        @"^_?(attn_implementation[a-z_]*|(use_)?_?flash_attn[a-z0-9_]*|(use_)?flash_attention[a-z0-9_]*|use_sdpa|use_xformers|use_triton"
        + @"|use_cache[a-z_]*|use_bfloat16|bf16|fp16|fp32|use_fused_(rms_?norm|swiglu|rope|rotary|attention|kernels?)|"
        + @"fused_[a-z_]+_kernels?"
        + @"|base_model_(tp|pp|ep)_plan|(tensor|pipeline|sequence|model|data|expert|context)_parallel(_size|_degree)?|(tp|pp|dp|ep)_(size|"
        + @"plan|degree)"
        + @"|device_map|onnx_[a-z_]+|tf_[a-z_]+|torchscript|xla_device|chunk_size_feed_forward|cpu_offload[a-z_]*|(attention_)"
        + @"?softmax_in_fp32)\z",
        Options)]
    private static partial Regex Implementation();

    [GeneratedRegex(
        @"^_?(name_or_path|commit_hash|from_model_config|base_model[a-z_]*|model_(name|id|path|card|revision|version)|author|license|"
            + @"language"
        + @"|description|tags|date"
        + @"|created[a-z_]*|([a-z0-9]+_)*version|transformers\.js_config|unsloth_[a-z_]+|mlx_[a-z_]+|dtype|torch_dtype|architectures"
        + @"|model_type|is_llama_config"
        + @"|tokenizer_class|processor_class|trust_remote_code|name|revision|source|merged_from[a-z_]*|mergekit[a-z_]*)\z",
        Options)]
    private static partial Regex Provenance();

    [GeneratedRegex(
        @"^_?(output_(attentions|hidden_states|router_logits|scores|logits|past|dict)|return_[a-z_]+|use_return_dict)\z",
        Options)]
    private static partial Regex Outputs();
}
