using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Graphs.Tests.Models;

[TestClass]
public sealed class ArchitecturesTests
{
    private const string Qwen3 = """
        {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 97, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3,
         "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "hidden_act": "silu",
         "tie_word_embeddings": true, "eos_token_id": [2, 3], "bos_token_id": null}
        """;

    private const string Llama = """
        {"model_type": "llama", "vocab_size": 97, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 6}
        """;

    private const string Qwen2 = """
        {"model_type": "qwen2", "vocab_size": 97, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2}
        """;

    [TestMethod]
    public void Qwen3_Config_IsRead()
    {
        var spec = Architectures.Parse(Qwen3, "x");
        Assert.AreEqual(("Qwen3ForCausalLM", "qwen3", 97, 48, 96, 3, 6, 2, 16), (spec.Architecture, spec.ModelType, spec.VocabularySize,
            spec.HiddenSize, spec.IntermediateSize, spec.Layers, spec.Heads, spec.KeyValueHeads, spec.HeadDimension));
        Assert.AreEqual((1e-6, 32_768, 1e6, true, true, false, false, false), (spec.NormEpsilon, spec.MaxPositions, spec.Rope!.Theta,
            spec.TieEmbeddings, spec.QueryKeyNorm, spec.QueryKeyValueBias, spec.OutputBias, spec.MlpBias));
        CollectionAssert.AreEqual(new[] { 2, 3 }, spec.EosTokens);
        Assert.IsNull(spec.BosToken);
    }

    [TestMethod]
    public void Qwen2_Config_HasBiasesOnQueriesKeysAndValuesOnly()
    {
        var spec = Architectures.Parse(Qwen2, "x");
        Assert.AreEqual((true, false, false, false), (spec.QueryKeyValueBias, spec.OutputBias, spec.MlpBias, spec.QueryKeyNorm));
        Assert.AreEqual(8, spec.HeadDimension);
    }

    [TestMethod]
    public void Llama_WithoutOptionalKeys_TakesTransformersDefaults()
    {
        var spec = Architectures.Parse(Llama, "x");
        Assert.AreEqual((6, 8, 1e-6, 2_048, 10_000.0, false, 1), (spec.KeyValueHeads, spec.HeadDimension, spec.NormEpsilon,
            spec.MaxPositions, spec.Rope!.Theta, spec.TieEmbeddings, spec.BosToken));
        CollectionAssert.AreEqual(new[] { 2 }, spec.EosTokens);
        var biased = Architectures.Parse(With(Llama, "\"attention_bias\": true, \"mlp_bias\": true, \"eos_token_id\": null"), "x");
        Assert.AreEqual((true, true, true), (biased.QueryKeyValueBias, biased.OutputBias, biased.MlpBias));
        Assert.IsEmpty(biased.EosTokens);
    }

    [TestMethod]
    [DataRow("{}", "4096 4096")]
    [DataRow("{\"sliding_window\": null}", "")]
    [DataRow("{\"sliding_window\": 7, \"head_dim\": 16}", "7 7")]
    public void MistralWindow_IsThatOfTransformers(string extra, string windows)
    {
        var spec = Architectures.Parse(Merge(Llama, "{\"model_type\": \"mistral\", \"num_attention_heads\": 8}", extra), "x");
        Assert.AreEqual(windows, string.Join(' ', spec.Windows));
        Assert.AreEqual(spec, Architectures.Parse(spec.ToConfigJson(), "written"));
    }

    [TestMethod]
    public void Phi3_WithItsOwnCode_IsReadWhereTransformersHasAClassOfThatName()
    {
        const string phi3 =
            """{"model_type": "phi3", "vocab_size": 97, "eos_token_id": 2, "pad_token_id": 2, "sliding_window": 6, "partial_rotary_factor": 0.5}""";
        var spec = Architectures.Parse(
            Merge(
                Llama,
                phi3,
                """{"auto_map": {"AutoConfig": "configuration_phi3.Phi3Config", "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"}}"""),
            "x");
        Assert.AreEqual(
            (WeightLayout.Fused, 4, 1e-5, "6 6"),
            (spec.Weights, spec.RotaryDimension, spec.NormEpsilon, string.Join(' ', spec.Windows)));
        Assert.AreEqual(spec, Architectures.Parse(spec.ToConfigJson(), "written"));
        Assert.AreEqual(
            spec,
            Architectures.Parse(
                Merge(
                    Llama,
                    phi3,
                    """{"partial_rotary_factor": null, "rope_parameters": {"rope_type": "default", "rope_theta": 10000, "partial_rotary_factor": 0.5}}"""),
                "x"));
        // The fused matrices hold their parts one below the other: 3 x 48 and 2 x 96 rows.
        CollectionAssert.AreEqual(
            new[] { 144L, 48 },
            spec.Parameters.Single(p => p.Name == "model.layers.1.self_attn.qkv_proj.weight").Shape);
        CollectionAssert.AreEqual(
            new[] { 192L, 48 },
            spec.Parameters.Single(p => p.Name == "model.layers.1.mlp.gate_up_proj.weight").Shape);
        Refused(Merge(Llama, phi3, """{"auto_map": {"AutoModelForCausalLM": "modeling.MyPhi"}}"""), "auto_map");
        Refused(Merge(Llama, phi3, """{"rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [2]}}"""), "'longrope'");
        Refused(Merge(Llama, phi3, """{"partial_rotary_factor": 0.1}"""), "partial_rotary_factor rotates 0 of 8");
        Refused(Merge(Llama, phi3, """{"partial_rotary_factor": 1.5}"""), "partial_rotary_factor is 1.5");
    }

    [TestMethod]
    public void Gemma3_WithoutOptionalKeys_TakesTransformersDefaults()
    {
        const string gemma = """{"model_type": "gemma3_text", "vocab_size": 97, "num_hidden_layers": 7, "num_attention_heads": 4}""";
        var spec = Architectures.Parse(Merge(Llama, gemma), "x");
        Assert.AreEqual(
            (256, 4, 256.0, "4096 4096 4096 4096 4096 0 4096"),
            (spec.HeadDimension, spec.KeyValueHeads, spec.AttentionScalar, string.Join(' ', spec.Windows)));
        Assert.AreEqual(
            (1e6, 1e4, true, 2, 0),
            (spec.Rope!.Theta, spec.LocalRope!.Theta, spec.TieEmbeddings, spec.BosToken, spec.PadToken));
        var capped = Architectures.Parse(
            Merge(
                Llama,
                gemma,
                """{"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "sliding_window_pattern": 2, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}"""),
            "x");
        Assert.AreEqual(
            (50.0, 30.0, "4096 0 4096 0 4096 0 4096", RopeKind.Linear, RopeKind.Default),
            (capped.AttentionSoftcap, capped.LogitSoftcap, string.Join(' ', capped.Windows), capped.Rope!.Kind, capped.LocalRope!.Kind));
        foreach (var each in new[] { spec, capped })
            Assert.AreEqual(each, Architectures.Parse(each.ToConfigJson(), "written"));
        Refused(Merge(Llama, gemma, """{"use_bidirectional_attention": true}"""), "use_bidirectional_attention");
        Refused(Merge(Llama, gemma, """{"rope_parameters": {"rope_type": "default"}}"""), "full_attention is missing");
        Refused(Merge(Llama, gemma, """{"final_logit_softcapping": -1}"""), "final_logit_softcapping is -1");
        Refused(Merge(Llama, gemma, """{"sliding_window_pattern": 0}"""), "sliding_window_pattern is 0");
        Refused(Merge(Llama, gemma, """{"sliding_window": 0}"""), "sliding_window is 0");
    }

    [TestMethod]
    public void Olmo2_Config_PutsNormsAfterTheBlocks()
    {
        var spec = Architectures.Parse(Merge(Llama, """{"model_type": "olmo2", "eos_token_id": 5, "rope_theta": 500000}"""), "x");
        Assert.AreEqual(
            (NormPlacement.After, true, true, 1e-5, 6, 1),
            (spec.NormPlacement, spec.QueryKeyNorm, spec.QueryKeyNormAcrossHeads, spec.NormEpsilon, spec.KeyValueHeads, spec.PadToken));
        CollectionAssert.AreEqual(new[] { 48L }, spec.Parameters.Single(p => p.Name == "model.layers.0.self_attn.k_norm.weight").Shape);
        Assert.AreEqual(spec, Architectures.Parse(spec.ToConfigJson(), "written"));
        Assert.IsFalse(spec.Parameters.Any(p => p.Name.Contains("input_layernorm", StringComparison.Ordinal)));
    }

    [TestMethod]
    public void Gpt2_Config_IsReadByItsOwnKeys()
    {
        const string gpt2 =
            """{"model_type": "gpt2", "vocab_size": 97, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 32, "n_ctx": 32, "eos_token_id": 5, "bos_token_id": 5, "summary_type": "cls_index", "resid_pdrop": 0.1}""";
        var spec = Architectures.Parse(gpt2, "x");
        Assert.AreEqual(
            (8, 96, 32, NormKind.Layer, Activation.GeluTanh, true),
            (spec.HeadDimension, spec.IntermediateSize, spec.MaxPositions, spec.Norm, spec.Activation, spec.TieEmbeddings));
        Assert.IsNull(spec.Rope);
        Assert.AreEqual(spec, Architectures.Parse(spec.ToConfigJson(), "written"));
        // Conv1D: [in, out].
        CollectionAssert.AreEqual(new[] { 24L, 72 }, spec.Parameters.Single(p => p.Name == "transformer.h.1.attn.c_attn.weight").Shape);
        Assert.AreEqual("n_embd x n_inner", spec.Parameters.Single(p => p.Name == "transformer.h.1.mlp.c_fc.weight").ShapeInWords);
        // wte 97*24, wpe 32*24, per layer 24*72+72, 24*24+24, 24*96+96, 96*24+24 and norms 4*24, final norm 2*24.
        Assert.AreEqual(
            (97 * 24) + (32 * 24) + (2 * ((24 * 72) + 72 + (24 * 24) + 24 + (24 * 96) + 96 + (96 * 24) + 24 + (4 * 24))) + (2 * 24),
            spec.ParameterCount);
        Refused(Merge(gpt2, """{"n_head": 5}"""), "n_embd is 24 and n_head 5");
        Refused(Merge(gpt2, """{"n_layer": 0}"""), "n_layer is 0");
        Refused(Merge(gpt2, """{"scale_attn_by_inverse_layer_idx": true}"""), "scale_attn_by_inverse_layer_idx");
        Refused(Merge(gpt2, """{"scale_attn_weights": false}"""), "scale_attn_weights");
        Refused(Merge(gpt2, """{"activation_function": "relu"}"""), "activation_function is \"relu\"");
    }

    // The keys that published configurations of each family have, values of the larger models.
    [TestMethod]
    [DataRow(
        """{"architectures": ["MistralForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 32768, "model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096, "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.34.0", "use_cache": true, "vocab_size": 32000}""",
        7_241_732_096)]
    [DataRow(
        """{"_name_or_path": "x", "architectures": ["Phi3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config", "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"}, "bos_token_id": 1, "embd_pdrop": 0.0, "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 4096, "model_type": "phi3", "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "original_max_position_embeddings": 4096, "pad_token_id": 32000, "resid_pdrop": 0.0, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000.0, "sliding_window": 2047, "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.40.2", "use_cache": true, "vocab_size": 32064}""",
        3_821_079_552)]
    [DataRow(
        """{"architectures": ["Gemma3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "attn_logit_softcapping": null, "bos_token_id": 2, "cache_implementation": "hybrid", "eos_token_id": [1, 106], "final_logit_softcapping": null, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152, "initializer_range": 0.02, "intermediate_size": 6912, "max_position_embeddings": 32768, "model_type": "gemma3_text", "num_attention_heads": 4, "num_hidden_layers": 26, "num_key_value_heads": 1, "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6, "torch_dtype": "bfloat16", "transformers_version": "4.50.0.dev0", "use_cache": true, "vocab_size": 262144}""",
        999_885_952)]
    [DataRow(
        """{"architectures": ["Olmo2ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "eos_token_id": 100257, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 4096, "model_type": "olmo2", "num_attention_heads": 16, "num_hidden_layers": 16, "num_key_value_heads": 16, "pad_token_id": 100277, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 500000, "tie_word_embeddings": false, "torch_dtype": "float32", "transformers_version": "4.47.0", "use_cache": false, "vocab_size": 100352}""",
        1_484_916_736)]
    [DataRow(
        """{"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "summary_activation": null, "summary_first_dropout": 0.1, "summary_proj_to_labels": true, "summary_type": "cls_index", "summary_use_proj": true, "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}}, "vocab_size": 50257}""",
        124_439_808)]
    public void Config_WithThePublishedKeys_HasThePublishedNumberOfParameters(string config, long parameters)
    {
        var spec = Architectures.Parse(config, "x");
        Assert.AreEqual(parameters, spec.ParameterCount);
        Assert.AreEqual(spec, Architectures.Parse(spec.ToConfigJson("bfloat16"), "written"));
    }

    [TestMethod]
    public void Spec_ThatContradictsItsWeightLayout_IsRefused()
    {
        var spec = Architectures.Parse(Qwen3, "x");
        DecoderSpec[] wrong =
        [
            spec with { Rope = null },
            spec with { GatedMlp = false },
            spec with { Weights = WeightLayout.Gpt2 },
            spec with { QueryKeyNorm = false, QueryKeyNormAcrossHeads = true },
            spec with { Windows = [4] },
            spec with { Windows = [4, -4, 4] },
            spec with { RotaryDimension = 16 },
            spec with { RotaryDimension = 3 },
            spec with { AttentionScalar = 0 },
            spec with { LocalRope = new RopeSpec { Theta = 0 }, Windows = [4, 0, 4] },
            spec with { Norm = (NormKind)7 },
        ];
        foreach (var each in wrong)
            Assert.ThrowsExactly<InputException>(() => each.Validate("the model"), each.ToString());
    }

    [TestMethod]
    [DataRow("\"mlp_gating\": 2", "'mlp_gating'")]
    [DataRow("\"hidden_act\": \"relu6\"", "hidden_act is \"relu6\"")]
    [DataRow("\"pretraining_tp\": 2", "pretraining_tp is 2")]
    [DataRow("\"rope_interleaved\": true", "rope_interleaved")]
    [DataRow("\"partial_rotary_factor\": 0.5", "partial_rotary_factor is 0.5")]
    [DataRow("\"quantization\": {\"bits\": 4}", "quantization")]
    [DataRow("\"quantization_config\": {}", "quantization_config")]
    [DataRow("\"auto_map\": {\"AutoModel\": \"m.M\"}", "auto_map")]
    [DataRow("\"sliding_window\": 8", "sliding_window is 8")]
    [DataRow("\"layer_types\": [\"full_attention\", \"sliding_attention\"]", "layer_types")]
    [DataRow("\"layer_types\": [\"full_attention\"]", "layer_types")]
    [DataRow("\"num_key_value_heads\": 4", "num_key_value_heads 4")]
    [DataRow("\"num_key_value_heads\": 0", "num_key_value_heads is 0")]
    [DataRow("\"head_dim\": 7", "head_dim is 7")]
    [DataRow("\"head_dim\": 3000000000", "head_dim is 3000000000")]
    [DataRow("\"head_dim\": 4000000", "num_attention_heads * head_dim is 24000000")]
    [DataRow("\"rms_norm_eps\": 0", "rms_norm_eps is 0")]
    [DataRow("\"rms_norm_eps\": 1e999", "rms_norm_eps")]
    [DataRow("\"rms_norm_eps\": \"small\"", "rms_norm_eps is \"small\"")]
    [DataRow("\"tie_word_embeddings\": 1", "tie_word_embeddings is 1")]
    [DataRow("\"eos_token_id\": 97", "eos_token_id is 97")]
    [DataRow("\"eos_token_id\": [1, \"2\"]", "eos_token_id")]
    [DataRow("\"rope_theta\": -3", "rope_theta is -3")]
    [DataRow("\"rope_scaling\": {\"type\": \"dynamic\"}", "factor is missing")]
    [DataRow(
        "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2, \"original_max_position_embeddings\": 8}",
        "original_max_position_embeddings is 8")]
    [DataRow("\"rope_scaling\": {\"rope_type\": \"longrope\"}", "'longrope'")]
    [DataRow("\"rope_scaling\": {\"rope_type\": \"linear\"}", "factor is missing")]
    [DataRow("\"rope_scaling\": {\"rope_type\": \"linear\", \"type\": \"yarn\", \"factor\": 2}", "must agree")]
    [DataRow("\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 2, \"warp\": 1}", "'warp'")]
    [DataRow("\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 2, \"low_freq_factor\": 4, \"high_freq_factor\": "
        + "4, \"original_max_position_embeddings\": 8}", "high_freq_factor")]
    [DataRow("\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, \"rope_parameters\": {\"rope_type\": \"default\"}", "both")]
    [DataRow("\"rope_scaling\": 4", "rope_scaling")]
    [DataRow("\"architectures\": [\"BloomForCausalLM\"]", "'BloomForCausalLM' is not supported")]
    [DataRow("\"architectures\": [\"Gemma3ForConditionalGeneration\"], \"vision_config\": {}", "vision or audio part")]
    [DataRow("\"architectures\": [\"MixtralForCausalLM\"], \"num_local_experts\": 8", "mixture of experts")]
    [DataRow("\"num_experts\": 128", "num_experts is 128")]
    [DataRow("\"architectures\": [\"Qwen3ForCausalLM\"]", "must be 'qwen3'")]
    [DataRow("\"architectures\": []", "architectures")]
    public void Config_WithAFault_IsRefusedByName(string extra, string named)
    {
        var message = Assert.ThrowsExactly<InputException>(() => Architectures.Parse(With(Llama, extra), "folder/config.json")).Message;
        StringAssert.Contains(message, named);
        StringAssert.Contains(message, "folder/config.json");
    }

    [TestMethod]
    [DataRow("\"sliding_window\": 64, \"use_sliding_window\": false", "")]
    [DataRow("\"sliding_window\": null, \"use_sliding_window\": true", "")]
    [DataRow("\"sliding_window\": 64", "")]
    [DataRow("\"sliding_window\": 64, \"use_sliding_window\": true, \"max_window_layers\": 2", "")]
    [DataRow("\"sliding_window\": 64, \"use_sliding_window\": true, \"max_window_layers\": 1", "0 64")]
    [DataRow("\"sliding_window\": 64, \"use_sliding_window\": true", "")]
    [DataRow("\"use_sliding_window\": true, \"max_window_layers\": 0", "4096 4096")]
    [DataRow("\"sliding_window\": 64, \"use_sliding_window\": true, \"layer_types\": [\"sliding_attention\", \"full_attention\"]", "64 0")]
    public void QwenWindow_IsThatOfTransformers(string extra, string windows)
    {
        var spec = Architectures.Parse(With(Qwen2, extra), "x");
        Assert.AreEqual(windows, string.Join(' ', spec.Windows));
        Assert.AreEqual(spec, Architectures.Parse(spec.ToConfigJson(), "written"));
    }

    [TestMethod]
    [DataRow("hidden_size")]
    [DataRow("vocab_size")]
    [DataRow("num_hidden_layers")]
    [DataRow("num_attention_heads")]
    [DataRow("intermediate_size")]
    public void Config_WithoutASize_NamesIt(string key)
    {
        var config = JsonNode.Parse(Llama)!.AsObject();
        config.Remove(key);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Architectures.Parse(config.ToJsonString(), "x")).Message,
            $"{key} is missing");
    }

    [TestMethod]
    [DataRow("[]")]
    [DataRow("{\"model_type\": ")]
    [DataRow("")]
    [DataRow("{\"model_type\": 3}")]
    [DataRow("{}")]
    [DataRow("{\"vocab_size\": 1, \"vocab_size\": 1}")]
    public void Config_ThatIsNone_IsRefused(string json) => Assert.ThrowsExactly<InputException>(() => Architectures.Parse(json, "x"));

    [TestMethod]
    public void Folder_WithoutConfig_IsNamed() =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Architectures.Read("no-such-folder")).Message,
            Path.Combine("no-such-folder", "config.json"));

    [TestMethod]
    public void YarnWithoutFactor_TakesTheRatioOfLengths()
    {
        var rope = Architectures.Parse(With(Llama, "\"max_position_embeddings\": 8192, \"rope_scaling\": {\"type\": \"yarn\", \"factor\": "
            + "null, \"original_max_position_embeddings\": 2048}"), "x").Rope!;
        Assert.AreEqual(
            (4.0, 2048, 32.0, 1.0, true),
            (rope.Factor, rope.OriginalMaxPositions, rope.BetaFast, rope.BetaSlow, rope.Truncate));
    }

    [TestMethod]
    public void Spec_WithEqualTokens_IsEqual_AndWithOthersNot()
    {
        var spec = Architectures.Parse(Qwen3, "x");
        Assert.AreEqual(spec, spec with { EosTokens = [2, 3] });
        Assert.AreNotEqual(spec, spec with { EosTokens = [2, 4] });
        Assert.AreNotEqual(spec, spec with { Rope = spec.Rope! with { Factor = 2 } });
        StringAssert.Contains(spec.ToString(), "EosTokens");
    }

    [TestMethod]
    public void ToConfigJson_OfEveryRopeKind_ReadsBack()
    {
        var spec = Architectures.Parse(Qwen3, "x");
        RopeSpec[] kinds =
        [
            new() { Theta = 3 },
            new() { Kind = RopeKind.Linear, Factor = 2.5 },
            new() { Kind = RopeKind.Dynamic, Factor = 2, OriginalMaxPositions = spec.MaxPositions },
            new() { Kind = RopeKind.Llama3, Factor = 8, OriginalMaxPositions = 8192, LowFrequencyFactor = 1.5, HighFrequencyFactor = 5 },
            new()
            {
                Kind = RopeKind.Yarn,
                Factor = 4,
                OriginalMaxPositions = 4096,
                AttentionFactor = 1.1,
                BetaFast = 24,
                BetaSlow = 2,
                Truncate = false,
                MScale = 1.5,
                MScaleAllDimensions = 0.5,
            },
        ];
        foreach (var rope in kinds)
            Assert.AreEqual(spec with { Rope = rope }, Architectures.Parse((spec with { Rope = rope }).ToConfigJson(), "x"));
    }

    [TestMethod]
    public void ToConfigJson_OfWhatTheFamilyCannotSay_IsRefused()
    {
        var spec = Architectures.Parse(Qwen3, "x");
        Assert.ThrowsExactly<InputException>(() => (spec with { QueryKeyNorm = false }).ToConfigJson());
        Assert.ThrowsExactly<InputException>(() => (spec with { Layers = 0 }).ToConfigJson());
        Assert.ThrowsExactly<InputException>(() => (spec with { Architecture = "Qwen4" }).ToConfigJson());
        Assert.ThrowsExactly<InputException>(() => spec.ToConfigJson("int8"));
    }

    [TestMethod]
    [DataRow("{\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 64}, \"eos_token_id\": "
        + "[2], \"layer_types\": null}")]
    [DataRow("{\"model_type\": \"phi3\", \"eos_token_id\": 2, \"pad_token_id\": 2, \"sliding_window\": 6, \"partial_rotary_factor\": "
        + "0.5, \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}}")]
    [DataRow("{\"model_type\": \"gemma3_text\", \"num_attention_heads\": 4, \"sliding_window\": 5, \"final_logit_softcapping\": "
        + "30, \"layer_types\": [\"full_attention\", \"sliding_attention\"], \"rope_parameters\": {\"full_attention\": {\"rope_type\": "
        + "\"linear\", \"factor\": 8}, \"sliding_attention\": {\"rope_theta\": 10000}}}")]
    [DataRow("{\"model_type\": \"qwen2\", \"num_key_value_heads\": 2, \"use_sliding_window\": true, \"sliding_window\": "
        + "9, \"max_window_layers\": 1}")]
    [DataRow("{\"model_type\": \"gpt2\", \"n_embd\": 24, \"n_layer\": 2, \"n_head\": 3, \"n_positions\": 32, \"eos_token_id\": "
        + "5, \"bos_token_id\": 5}")]
    public void MutatedConfigs_NeverGiveAnythingButInputExceptions(string extra)
    {
        var isGpt2 = extra.Contains("gpt2", StringComparison.Ordinal);
        var good = Encoding.UTF8.GetBytes(isGpt2 ? extra : Merge(Llama, extra));
        var random = new Random(7);
        var accepted = 0;
        for (var round = 0; round < 2_000; round++)
        {
            var bytes = good.ToArray();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                // Digits turn into other digits, the rest seldom into anything, so that some files stay well-formed and say something else.
                var at = random.Next(bytes.Length);
                if (char.IsAsciiDigit((char)bytes[at]))
                    bytes[at] = (byte)('0' + random.Next(10));
                else if (random.Next(4) == 0)
                    bytes[at] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)"0123456789{}[],:\"-.eE\\"[random.Next(22)];
            }
            try
            {
                using var document = JsonInput.ParseObject(bytes, "x");
                var spec = Architectures.Parse(document.RootElement, "x");
                if (spec.Layers < 100 && spec.HeadDimension < 1_000)
                    Assert.IsTrue(spec.ParameterCount > 0
                        && (spec.Rope is null || new RotaryEmbedding(spec).InverseFrequencies().All(double.IsFinite)));
                accepted++;
            }
            catch (InputException)
            {
            }
        }
        Assert.IsInRange(100, 1_900, accepted);
    }

    private static void Refused(string json, string named) =>
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Architectures.Parse(json, "x")).Message, named);

    // Later objects' keys replace those of earlier ones.
    private static string Merge(params string[] objects)
    {
        var config = new JsonObject();
        foreach (var json in objects)
            foreach (var (key, value) in JsonNode.Parse(json)!.AsObject())
                config[key] = value?.DeepClone();
        return config.ToJsonString();
    }

    // The extra keys come first in the object, and replace any of the same name.
    private static string With(string json, string extra)
    {
        var config = JsonNode.Parse(json)!.AsObject();
        var added = $"{{{extra}}}";
        using var document = System.Text.Json.JsonDocument.Parse(added);
        foreach (var member in document.RootElement.EnumerateObject())
            config.Remove(member.Name);
        return $"{{{extra}, {config.ToJsonString()[1..]}";
    }
}
