using System.Text.Json.Nodes;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Keys;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Graphs.Tests.Models;

[TestClass]
public sealed class HarmlessKeysTests
{
    private const string Llama = """
        {"architectures": ["LlamaForCausalLM"], "vocab_size": 19, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
        """;

    // Names that public checkpoints carry. None is read by the modelling code of the families here.
    [TestMethod]
    [DataRow("_num_labels gradient_checkpointing max_sequence_length _name_or_path _attn_implementation _attn_implementation_autoset "
        + "_commit_hash")]
    [DataRow("attention_dropout hidden_dropout attn_dropout_prob emb_dropout_prob resid_pdrop embd_pdrop layerdrop drop_path_rate "
        + "classifier_dropout ffn_dropout")]
    [DataRow("initializer_range init_std initializer_factor embedding_init_std init_method init_device")]
    [DataRow("num_labels id2label label2id problem_type finetuning_task task_specific_params predict_special_tokens summary_type "
        + "summary_use_proj")]
    [DataRow("do_sample temperature top_k top_p num_beams max_length min_length max_new_tokens repetition_penalty no_repeat_ngram_size "
        + "forced_eos_token_id")]
    [DataRow("pad_token_id sep_token_id mask_token_id image_token_id eos_token bos_token pad_token unk_token decoder_start_token_id "
        + "boi_token_index")]
    [DataRow("model_max_length max_seq_len max_seq_length seq_length sequence_length max_sequence_len n_ctx tokenizer_model_max_length "
        + "tokenizer_padding_side")]
    [DataRow("use_cache use_flash_attn use_flash_attention_2 _flash_attn_2_enabled flash_attn_version attn_implementation use_bfloat16 "
        + "fp16 bf16 onnx_safe")]
    [DataRow(
        "base_model_tp_plan tensor_parallel_size device_map torchscript xla_device chunk_size_feed_forward tf_legacy_loss softmax_in_fp32")]
    [DataRow("dtype torch_dtype transformers_version unsloth_version unsloth_fixed model_name license base_model transformers.js_config "
        + "mergekit_config is_llama_config")]
    [DataRow("output_attentions output_hidden_states output_router_logits output_past return_dict use_return_dict router_aux_loss_coef "
        + "z_loss_weight loss_type")]
    [DataRow("neftune_noise_alpha label_smoothing lora_r lora_alpha use_fused_cross_entropy freeze_embeddings learning_rate seed")]
    public void KeysOfHarmlessKinds_Pass(string keys)
    {
        foreach (var key in keys.Split(' '))
            Assert.IsTrue(HarmlessKeys.Contains(key), key);
        var config = JsonNode.Parse(Llama)!.AsObject();
        foreach (var key in keys.Split(' ').Where(key => !key.Contains("token_id", StringComparison.Ordinal)))
            config[key] = key.Length;
        config["new_scale"] = null;
        Assert.AreEqual(32, Architectures.Parse(config.ToJsonString(), "x").HiddenSize);
    }

    // Names of what other families compute: a wrong guess here would be a wrong model.
    [TestMethod]
    [DataRow("logit_scale logits_scaling embedding_multiplier residual_multiplier attention_multiplier scale_emb scale_depth "
        + "dim_model_base mup_width_scale")]
    [DataRow("attn_logit_softcapping final_logit_softcapping qk_norm use_qk_norm clip_qkv partial_rotary_factor rotary_pct rope_ratio "
        + "rope_theta rope_interleaved")]
    [DataRow("parallel_attn use_parallel_residual alibi layer_norm_bias use_bias qkv_bias no_bias attention_sink use_sliding_window "
        + "sliding_window window_size")]
    [DataRow("hidden_act activation_function norm_type layer_norm_eps rms_norm_eps tie_word_embeddings num_experts num_experts_per_tok "
        + "moe_layers top_k_experts")]
    [DataRow("kv_lora_rank q_lora_rank head_dim v_head_dim num_key_value_heads use_logn_attn attn_temperature_tuning output_multiplier "
        + "output_gate attention_bias")]
    [DataRow("num_nextn_predict_layers cross_layer_sharing no_rope_layers norm_after use_post_norm softmax_scale query_pre_attn_scalar "
        + "embedding_norm pretraining_tp")]
    public void KeysThatMayChangeTheMathematics_AreOfNoKind(string keys)
    {
        foreach (var key in keys.Split(' '))
            Assert.IsFalse(HarmlessKeys.Contains(key), key);
    }

    [TestMethod]
    public void UnknownKey_IsNamedUntilItIsAllowed_AndThenReported()
    {
        using var folder = new TemporaryFolder();
        var config = JsonNode.Parse(Llama)!.AsObject();
        (config["mystery"], config["logit_scale"], config["dropout"]) = (1, 0.5, 0.1);
        File.WriteAllText(folder["config.json"], config.ToJsonString());
        var refused = Assert.ThrowsExactly<InputException>(() => Architectures.Read(folder.Path)).Message;
        Assert.Contains("'logit_scale', 'mystery' are unknown for LlamaForCausalLM", refused);
        Assert.Contains("--allow-unknown-config", refused);
        List<string> unknown = [];
        Architectures.Read(folder.Path, unknown);
        CollectionAssert.AreEqual(new[] { "logit_scale", "mystery" }, unknown);
    }

    [TestMethod]
    public void FaultsOfRealCheckpoints_AreRead()
    {
        foreach (var name in (string[])["c04-llama1-pad-1.json", "c10-llama-gradckpt.json", "h02-distilgpt2.json"])
        {
            var path = SharedFolder.Require("faults", "08-harmless-config-keys", name);
            Assert.AreEqual(32, Architectures.Parse(File.ReadAllText(path), name).HiddenSize, name);
        }
    }
}
