using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models;

/// <summary>
/// The ranges a <see cref="DecoderSpec"/> has to keep. The upper limits are far above any model and keep every product of sizes inside 64
/// bits.
/// </summary>
internal static class DecoderRules
{
    public const int MaxSize = 1 << 22;
    public const int MaxLayers = 1 << 12;
    public const int MaxPositions = 1 << 30;

    public static void Check(DecoderSpec spec, string source)
    {
        var faults = new List<string>();
        var spelled = ConfigKeys.Of(spec);
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
                faults.Add($"{source}: num_attention_heads is {spec.Heads} and num_key_value_heads {spec.KeyValueHeads}; "
                    + "the first must be a multiple of the second.");
            if (spec.Rope is not null && spec.HeadDimension % 2 != 0)
                faults.Add($"{source}: head_dim is {spec.HeadDimension}; rotary positions turn pairs, so it must be even.");
            if (spec.RotaryDimension is { } rotary && (rotary < 2 || rotary >= spec.HeadDimension || rotary % 2 != 0))
                faults.Add($"{source}: partial_rotary_factor rotates {rotary} of {spec.HeadDimension} numbers of a head; "
                    + "it must be an even number, at least 2 and below head_dim.");
            if (spec.Windows.Length > 0 && spec.Windows.Length != spec.Layers)
                faults.Add($"{source}: there are {spec.Windows.Length} attention windows for {spec.Layers} layers; "
                    + "give one a layer, or none.");
            foreach (var window in spec.Windows.Distinct().Where(window => window is < 0 or > MaxPositions))
                faults.Add($"{source}: sliding_window is {window}; it must lie between 1 and {MaxPositions}, or be null.");
            if ((long)spec.Heads * spec.HeadDimension > MaxSize)
                faults.Add($"{source}: num_attention_heads * head_dim is {(long)spec.Heads * spec.HeadDimension}; "
                    + $"it must be at most {MaxSize}.");
        }
        if (!double.IsFinite(spec.NormEpsilon) || spec.NormEpsilon <= 0 || spec.NormEpsilon > 1)
            faults.Add($"{source}: {spelled("rms_norm_eps")} is {spec.NormEpsilon}; it must be above 0 and at most 1.");
        if (!Enum.IsDefined(spec.Activation)
            || !Enum.IsDefined(spec.Norm)
            || !Enum.IsDefined(spec.NormPlacement)
            || !Enum.IsDefined(spec.Weights))
            faults.Add($"{source}: one of the activation {spec.Activation}, the norm {spec.Norm}, its placement {spec.NormPlacement} and "
                + $"the weight layout {spec.Weights} is unknown.");
        Positive("query_pre_attn_scalar", spec.AttentionScalar);
        Positive("attn_logit_softcapping", spec.AttentionSoftcap);
        Positive("final_logit_softcapping", spec.LogitSoftcap);
        // The weight names of a layout imply these; a spec made by hand could contradict them.
        if ((spec.Weights == WeightLayout.Gpt2) != (spec.Rope is null)
            || (spec.Weights == WeightLayout.Gpt2) == spec.GatedMlp
            || (spec.Weights == WeightLayout.Gpt2 && spec.NormPlacement != NormPlacement.Before))
            faults.Add($"{source}: the weight layout {spec.Weights} does not go with {(spec.Rope is null ? "learned" : "rotary")} "
                + $"positions, a feed-forward block {(spec.GatedMlp ? "with" : "without")} a gate and norms {spec.NormPlacement}; "
                + "Gpt2 has learned positions, no gate and norms Before, the others the first two the other way.");
        if (spec.QueryKeyNormAcrossHeads && !spec.QueryKeyNorm)
            faults.Add($"{source}: norms of queries and keys across heads are asked for, but no norms of queries and keys.");
        foreach (var id in spec.EosTokens)
            Token("eos_token_id", id);
        Token("bos_token_id", spec.BosToken);
        Token("pad_token_id", spec.PadToken);
        spec.Rope?.Check(source, faults);
        spec.LocalRope?.Check($"{source}: local layers", faults);
        if (faults.Count > 0)
            throw InputException.Of(faults);

        void Range(string key, int value, int limit)
        {
            if (value < 1 || value > limit)
                faults.Add($"{source}: {spelled(key)} is {value}; it must lie between 1 and {limit}.");
        }

        void Positive(string key, double? value)
        {
            if (value is { } given && !(given is > 0 and <= 1e6))
                faults.Add($"{source}: {key} is {given}; it must be above 0 and at most 1e6, or null.");
        }

        void Token(string key, int? id)
        {
            if (id is { } value && (value < 0 || value >= spec.VocabularySize))
                faults.Add($"{source}: {key} is {value}; it must lie below vocab_size, {spec.VocabularySize}, and not be negative. "
                    + "Set it to null if the model has none.");
        }
    }
}
