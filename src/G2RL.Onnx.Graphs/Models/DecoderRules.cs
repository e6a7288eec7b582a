namespace G2RL.Onnx.Models;

/// <summary>The ranges a <see cref="DecoderSpec"/> has to keep. The upper limits are far above any model and keep every product of sizes inside 64 bits.</summary>
internal static class DecoderRules
{
    public const int MaxSize = 1 << 22;
    public const int MaxLayers = 1 << 12;
    public const int MaxPositions = 1 << 30;

    public static void Check(DecoderSpec spec, string source)
    {
        var faults = new List<string>();
        Range("vocab_size", spec.VocabularySize, MaxSize);
        Range("hidden_size", spec.HiddenSize, MaxSize);
        Range("intermediate_size", spec.IntermediateSize, MaxSize);
        Range("num_hidden_layers", spec.Layers, MaxLayers);
        Range("num_attention_heads", spec.Heads, MaxSize);
        Range("num_key_value_heads", spec.KeyValueHeads, MaxSize);
        Range("head_dim", spec.HeadDimension, MaxSize);
        Range("max_position_embeddings", spec.MaxPositions, MaxPositions);
        if (faults.Count == 0)
        {
            if (spec.Heads % spec.KeyValueHeads != 0)
                faults.Add($"{source}: num_attention_heads is {spec.Heads} and num_key_value_heads {spec.KeyValueHeads}; the first must be a multiple of the second.");
            if (spec.HeadDimension % 2 != 0)
                faults.Add($"{source}: head_dim is {spec.HeadDimension}; rotary positions turn pairs, so it must be even.");
            if ((long)spec.Heads * spec.HeadDimension > MaxSize)
                faults.Add($"{source}: num_attention_heads * head_dim is {(long)spec.Heads * spec.HeadDimension}; it must be at most {MaxSize}.");
        }
        if (!double.IsFinite(spec.NormEpsilon) || spec.NormEpsilon <= 0 || spec.NormEpsilon > 1)
            faults.Add($"{source}: rms_norm_eps is {spec.NormEpsilon}; it must be above 0 and at most 1.");
        if (!Enum.IsDefined(spec.Activation))
            faults.Add($"{source}: the activation {spec.Activation} is unknown; use {nameof(Activation.Silu)}.");
        foreach (var id in spec.EosTokens)
            Token("eos_token_id", id);
        Token("bos_token_id", spec.BosToken);
        Token("pad_token_id", spec.PadToken);
        spec.Rope.Check(source, faults);
        if (faults.Count > 0)
            throw InputException.Of(faults);

        void Range(string key, int value, int limit)
        {
            if (value < 1 || value > limit)
                faults.Add($"{source}: {key} is {value}; it must lie between 1 and {limit}.");
        }

        void Token(string key, int? id)
        {
            if (id is { } value && (value < 0 || value >= spec.VocabularySize))
                faults.Add($"{source}: {key} is {value}; it must lie below vocab_size, {spec.VocabularySize}, and not be negative. Set it to null if the model has none.");
        }
    }
}
