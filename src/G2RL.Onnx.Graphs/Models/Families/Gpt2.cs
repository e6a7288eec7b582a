using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models.Families;

/// <summary>GPT-2: learned positions, layer norms, biases everywhere, no gate, matrices [in, out], and key names of its own.</summary>
internal static class Gpt2
{
    public const string Architecture = "GPT2LMHeadModel";
    public const string ModelType = "gpt2";

    public static DecoderSpec Describe(ConfigReader config)
    {
        CommonKeys.Screen(config, Architecture);
        // Dropout, the unused head for summaries, the name that n_positions had, and a precaution against overflow in half precision.
        config.Ignore("attn_pdrop", "embd_pdrop", "resid_pdrop", "n_ctx", "reorder_and_upcast_attn");
        config.Ignore("summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj");
        config.Expect("scale_attn_weights", config.Flag("scale_attn_weights", true), "attention scores must be divided by sqrt(head_dim).");
        config.Refuse("scale_attn_by_inverse_layer_idx", "every layer must scale attention alike.");
        int hidden = config.Integer("n_embd", 768), heads = config.Integer("n_head", 12), positions = config.Integer("n_positions", 1_024);
        if (heads < 1 || hidden % heads != 0)
            throw new InputException($"{config.Source}: n_embd is {hidden} and n_head {heads}; the first must be a multiple of the "
                + "second.");
        return new DecoderSpec
        {
            Architecture = Architecture,
            ModelType = ModelType,
            Weights = WeightLayout.Gpt2,
            VocabularySize = config.Integer("vocab_size", 50_257),
            HiddenSize = hidden,
            IntermediateSize = config.OptionalInteger("n_inner") ?? (int)Math.Min(4L * hidden, int.MaxValue),
            Layers = config.Integer("n_layer", 12),
            Heads = heads,
            KeyValueHeads = heads,
            HeadDimension = hidden / heads,
            Norm = NormKind.Layer,
            NormEpsilon = config.Number("layer_norm_epsilon", 1e-5),
            MaxPositions = positions,
            Rope = null,
            TieEmbeddings = config.Flag("tie_word_embeddings", true),
            Activation = CommonKeys.Nonlinearity(config, "activation_function", Activation.GeluTanh),
            GatedMlp = false,
            QueryKeyValueBias = true,
            OutputBias = true,
            MlpBias = true,
            EosTokens = config.Tokens("eos_token_id", 50_256),
            BosToken = config.Has("bos_token_id") ? config.Token("bos_token_id") : 50_256,
            PadToken = config.Token("pad_token_id"),
        };
    }

    public static void Write(DecoderSpec spec, JsonObject config)
    {
        string[] foreign = ["head_dim", "hidden_act", "hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads",
            "num_hidden_layers", "num_key_value_heads", "rms_norm_eps", "rope_scaling", "rope_theta"];
        foreach (var key in foreign)
            config.Remove(key);
        config["activation_function"] = spec.Activation == Activation.GeluTanh ? "gelu_new" : CommonKeys.NameOf(spec.Activation);
        config["layer_norm_epsilon"] = spec.NormEpsilon;
        config["n_embd"] = spec.HiddenSize;
        config["n_head"] = spec.Heads;
        config["n_inner"] = spec.IntermediateSize;
        config["n_layer"] = spec.Layers;
        config["n_positions"] = spec.MaxPositions;
    }
}
