using System.Text.Json;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Models.Keys;

/// <summary>Keys that mean the same in every family.</summary>
internal static class CommonKeys
{
    /// <summary>Sizes, tokens and positions. The caller gives what the family's own class defaults to.</summary>
    /// <param name="config">The keys.</param>
    /// <param name="architecture">Name in <see cref="Architectures.All"/>.</param>
    /// <param name="maxPositions">transformers' default of max_position_embeddings.</param>
    /// <param name="headDimension">transformers' default of head_dim; null: hidden_size / num_attention_heads.</param>
    /// <param name="keyValueHeads">What a missing num_key_value_heads means; null: it must be there.</param>
    /// <param name="epsilon">transformers' default of rms_norm_eps.</param>
    /// <param name="activationKey">The key of the feed-forward block's nonlinearity.</param>
    /// <param name="activation">transformers' default of it.</param>
    /// <param name="rope">Rotary positions that the family reads itself.</param>
    /// <param name="partialRotary">Whether the family's code can rotate a part of each head.</param>
    public static DecoderSpec Read(
        ConfigReader config,
        string architecture,
        int maxPositions,
        int? headDimension = null,
        Func<int, int>? keyValueHeads = null,
        double epsilon = 1e-6,
        string activationKey = "hidden_act",
        Activation activation = Activation.Silu,
        RopeSpec? rope = null,
        bool partialRotary = false)
    {
        Screen(config, architecture);
        var hidden = config.Integer("hidden_size");
        var heads = config.Integer("num_attention_heads");
        var positions = config.Integer("max_position_embeddings", maxPositions);
        var width = config.OptionalInteger("head_dim") ?? headDimension ?? WholeHead(config.Source, hidden, heads);
        return new DecoderSpec
        {
            Architecture = architecture,
            ModelType = config.OptionalText("model_type") ?? Architectures.ModelTypeOf(architecture),
            VocabularySize = config.Integer("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = config.Integer("intermediate_size"),
            Layers = config.Integer("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = config.OptionalInteger("num_key_value_heads")
                ?? keyValueHeads?.Invoke(heads) ?? config.Integer("num_key_value_heads"),
            HeadDimension = width,
            NormEpsilon = config.Number("rms_norm_eps", epsilon),
            MaxPositions = positions,
            Rope = rope ?? RopeKeys.Read(config, positions, partialRotary),
            RotaryDimension = partialRotary ? RopeKeys.RotaryDimension(config, width) : null,
            TieEmbeddings = config.Flag("tie_word_embeddings", false),
            Activation = Nonlinearity(config, activationKey, activation),
            EosTokens = config.Tokens("eos_token_id"),
            BosToken = config.Token("bos_token_id"),
            PadToken = config.Token("pad_token_id"),
        };
    }

    /// <summary>
    /// Refuses the keys that stand for what no graph here does; <see cref="HarmlessKeys"/> knows those without a part in the mathematics.
    /// </summary>
    public static void Screen(ConfigReader config, string architecture)
    {
        // Read by the families that have windows.
        config.Ignore("max_window_layers");
        config.Expect("is_decoder", true, "");
        config.Refuse("quantization", "give the unquantised checkpoint.");
        config.Refuse("quantization_config", "give the unquantised checkpoint.");
        // Where transformers has a class of the same name, it computes with its own unless told to trust the model's.
        config.Expect(
            "auto_map",
            OwnClass(config.Child("auto_map"), architecture),
            "the model brings its own code, which may compute anything. Remove the key if the code is that of transformers.");
        config.Refuse("is_encoder_decoder", "only decoders are.");
        config.Refuse("add_cross_attention", "only self-attention is.");
        config.Refuse("tie_encoder_decoder", "only decoders are.");
        config.Refuse("cross_attention_hidden_size", "only self-attention is.");
        config.Refuse("use_mrope", "positions must be one-dimensional.");
        config.Refuse("rope_interleaved", "heads are rotated by halves.");
        config.Refuse("lm_head_bias", "the LM head has no bias.");
        config.Expect("pruned_heads", config.Child("pruned_heads") is null or { IsEmpty: true }, "all heads must be there.");
    }

    /// <summary>A key that names the feed-forward block's nonlinearity.</summary>
    public static Activation Nonlinearity(ConfigReader config, string key, Activation otherwise)
    {
        var name = config.OptionalText(key);
        config.Expect(key, name is null || Activations.ContainsKey(name), $"these are: {string.Join(", ", Activations.Keys)}.");
        return name is null ? otherwise : Activations[name];
    }

    /// <summary>config.json's name of a nonlinearity.</summary>
    public static string NameOf(Activation activation) => Activations.First(line => line.Value == activation).Key;

    /// <summary>Every layer must see the whole text, whatever `layer_types` calls it.</summary>
    public static void WholeText(ConfigReader config, int layers)
    {
        config.Refuse("sliding_window", "every layer must see the whole text.");
        config.Refuse("use_sliding_window", "every layer must see the whole text.");
        if (LayerTypes(config, layers) is { } slides)
            config.Expect("layer_types", !slides.Contains(true), "every layer must be 'full_attention'.");
    }

    /// <summary>Attention windows from `layer_types`, or else from the family's own rule.</summary>
    /// <param name="config">The keys.</param>
    /// <param name="layers">Number of layers.</param>
    /// <param name="window">The window; null: no layer has one.</param>
    /// <param name="slides">Which layers have it when `layer_types` is missing; null: all.</param>
    public static int[] Windows(ConfigReader config, int layers, int? window, Func<int, bool>? slides = null)
    {
        var types = LayerTypes(config, layers);
        if (window is not { } tokens)
        {
            config.Expect("layer_types", types?.Contains(true) != true, "sliding_window is missing or null.");
            return [];
        }
        // 0 would mean the whole text; an invalid number must reach the rules as it is.
        if (tokens < 1)
            throw new InputException($"{config.Source}: sliding_window is {tokens}; it must be at least 1, or null.");
        return layers is < 1 or > DecoderRules.MaxLayers
            ? []
            : [.. Enumerable.Range(0, layers).Select(layer => types?[layer] ?? slides?.Invoke(layer) ?? true ? tokens : 0)];
    }

    /// <summary>
    /// Qwen's window: `use_sliding_window` (default false) turns it on, and then layers from `max_window_layers` on slide.
    /// </summary>
    public static int[] QwenWindows(ConfigReader config, int layers)
    {
        var on = config.Flag("use_sliding_window", false);
        var window = config.Has("sliding_window") ? config.OptionalInteger("sliding_window") : 4_096;
        var from = config.OptionalInteger("max_window_layers") ?? 28;
        return Windows(config, layers, on ? window : null, layer => layer >= from);
    }

    private static readonly Dictionary<string, Activation> Activations = new(StringComparer.Ordinal)
    {
        ["silu"] = Activation.Silu,
        ["swish"] = Activation.Silu,
        ["gelu_pytorch_tanh"] = Activation.GeluTanh,
        ["gelu_new"] = Activation.GeluTanh,
        ["gelu"] = Activation.Gelu,
    };

    private static bool OwnClass(ConfigReader? map, string architecture) =>
        map?.Take("AutoModelForCausalLM") is { } element && JsonInput.Text(element)?.Split('.')[^1] == architecture;

    private static int WholeHead(string source, int hidden, int heads) =>
        heads > 0 && hidden % heads == 0
            ? hidden / heads
            : throw new InputException($"{source}: hidden_size is {hidden} and num_attention_heads {heads}; "
                + "without head_dim the first must be a multiple of the second.");

    // Whether each layer slides, or null.
    private static bool[]? LayerTypes(ConfigReader config, int layers)
    {
        if (config.Take("layer_types") is not { } types)
            return null;
        if (types.ValueKind != JsonValueKind.Array || types.GetArrayLength() != layers)
            throw config.Wrong("layer_types", types, $"a list of num_hidden_layers = {layers} names");
        return
        [
            .. types.EnumerateArray().Select(type => JsonInput.Text(type) switch
            {
                "full_attention" => false,
                "sliding_attention" => true,
                _ => throw config.Wrong("layer_types", types, "a list of 'full_attention' and 'sliding_attention'"),
            }),
        ];
    }
}
