using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Models.Keys;

/// <summary>Both spellings of the rotary settings: `rope_theta` + `rope_scaling` (Hugging Face 4.x) and `rope_parameters` (5.x).</summary>
internal static class RopeKeys
{
    private const double DefaultTheta = 10_000;

    /// <summary>One embedding for all layers.</summary>
    /// <param name="config">The keys.</param>
    /// <param name="maxPositions">The model's longest text.</param>
    /// <param name="partial">Whether a part of each head may be rotated; <see cref="RotaryDimension"/> then says which.</param>
    public static RopeSpec Read(ConfigReader config, int maxPositions, bool partial = false)
    {
        config.Refuse("rope_interleaved", "pairs must be (i, i + head_dim / 2).");
        if (!partial)
            config.Expect("partial_rotary_factor", config.Number("partial_rotary_factor", 1) == 1, "the whole head must be rotated.");
        var theta = config.OptionalNumber("rope_theta");
        var old = config.Child("rope_scaling");
        var parameters = config.Child("rope_parameters");
        if (old is not null && parameters is not null)
            throw new InputException($"{config.Source}: both rope_scaling and rope_parameters are given; keep the one that is meant.");
        if (parameters?.OptionalNumber("rope_theta") is { } inner)
        {
            if (theta is { } outer && outer != inner)
                throw new InputException($"{config.Source}: rope_theta is {outer} and rope_parameters.rope_theta is {inner}; "
                    + "they must agree.");
            theta = inner;
        }
        theta ??= DefaultTheta;
        return (parameters ?? old) is { } scaling
            ? Scaled(scaling, theta.Value, maxPositions, partial)
            : new RopeSpec { Theta = theta.Value };
    }

    /// <summary>
    /// Gemma 3: layers that see the whole text turn by `rope_theta` and `rope_scaling`, local ones by `rope_local_base_freq` alone; 5.x
    /// nests both in `rope_parameters`.
    /// </summary>
    public static (RopeSpec Whole, RopeSpec Local) ReadByLayerType(
        ConfigReader config,
        int maxPositions,
        double wholeTheta,
        double localTheta)
    {
        var parameters = config.Child("rope_parameters");
        double whole = config.Number("rope_theta", wholeTheta), local = config.Number("rope_local_base_freq", localTheta);
        if (parameters is null)
            return (config.Child("rope_scaling") is { } scaling
                ? Scaled(scaling, whole, maxPositions, partial: false)
                : new RopeSpec { Theta = whole }, new RopeSpec { Theta = local });
        config.Expect("rope_scaling", false, "rope_parameters is given too; keep the one that is meant.");
        var pair = (Inner("full_attention", whole), Inner("sliding_attention", local));
        parameters.Finish("rotary positions by layer type");
        return pair;

        RopeSpec Inner(string type, double theta) => parameters.Child(type) is { } inner
            ? Scaled(inner, inner.OptionalNumber("rope_theta") ?? theta, maxPositions, partial: false)
            : throw new InputException($"{parameters.Source}: the key {type} is missing; rotary settings are given by layer type here.");
    }

    /// <summary>How many numbers of a head are rotated; null: all. Both spellings' place of `partial_rotary_factor` is read.</summary>
    public static int? RotaryDimension(ConfigReader config, int headDimension)
    {
        var factor = config.OptionalNumber("partial_rotary_factor")
            ?? config.Child("rope_parameters")?.OptionalNumber("partial_rotary_factor") ?? 1;
        if (factor is not (> 0 and <= 1))
            throw new InputException($"{config.Source}: partial_rotary_factor is {factor}; it must be above 0 and at most 1.");
        var rotated = (int)(headDimension * factor);
        return rotated == headDimension ? null : rotated;
    }

    private static RopeSpec Scaled(ConfigReader scaling, double theta, int maxPositions, bool partial)
    {
        string? type = scaling.OptionalText("rope_type"), legacy = scaling.OptionalText("type");
        if (type is not null && legacy is not null && type != legacy)
            throw new InputException($"{scaling.Source}: rope_type is '{type}' and type is '{legacy}'; they must agree.");
        scaling.Ignore("rope_theta");
        scaling.Expect(
            "partial_rotary_factor",
            partial || scaling.Number("partial_rotary_factor", 1) == 1,
            "the whole head must be rotated.");
        scaling.Expect("mrope_section", false, "positions must be one-dimensional.");
        var spec = (type ?? legacy) switch
        {
            null or "default" => new RopeSpec { Theta = theta },
            "linear" => new RopeSpec { Kind = RopeKind.Linear, Theta = theta, Factor = scaling.Number("factor") },
            "dynamic" => Dynamic(scaling, theta, maxPositions),
            "llama3" => new RopeSpec
            {
                Kind = RopeKind.Llama3,
                Theta = theta,
                Factor = scaling.Number("factor"),
                LowFrequencyFactor = scaling.Number("low_freq_factor"),
                HighFrequencyFactor = scaling.Number("high_freq_factor"),
                OriginalMaxPositions = scaling.Integer("original_max_position_embeddings"),
            },
            "yarn" => Yarn(scaling, theta, maxPositions),
            var other => throw new InputException(
                $"{scaling.Source}: the RoPE type '{other}' is not supported; default, linear, dynamic, llama3 and yarn are."
                + (other is "longrope" or "su" ? " Its frequencies depend on the text's length, which a fixed graph cannot follow." : "")),
        };
        scaling.Finish($"RoPE type '{type ?? legacy ?? "default"}'");
        return spec;
    }

    // transformers takes the length from max_position_embeddings; another original length would be silently ignored there.
    private static RopeSpec Dynamic(ConfigReader scaling, double theta, int maxPositions)
    {
        scaling.Expect(
            "original_max_position_embeddings",
            scaling.Integer("original_max_position_embeddings", maxPositions) == maxPositions,
            $"dynamic RoPE counts from max_position_embeddings, {maxPositions}.");
        return new RopeSpec
        {
            Kind = RopeKind.Dynamic,
            Theta = theta,
            Factor = scaling.Number("factor"),
            OriginalMaxPositions = maxPositions,
        };
    }

    // transformers 5.x: the explicit factor counts; where it is missing, max_position_embeddings / original. A 0 mscale or beta means "not
    // given" there.
    private static RopeSpec Yarn(ConfigReader scaling, double theta, int maxPositions)
    {
        var original = scaling.Integer("original_max_position_embeddings", maxPositions);
        var plain = new RopeSpec();
        return new RopeSpec
        {
            Kind = RopeKind.Yarn,
            Theta = theta,
            Factor = scaling.OptionalNumber("factor") ?? (double)maxPositions / Math.Max(original, 1),
            OriginalMaxPositions = original,
            AttentionFactor = scaling.OptionalNumber("attention_factor"),
            MScale = Given(scaling.OptionalNumber("mscale")),
            MScaleAllDimensions = Given(scaling.OptionalNumber("mscale_all_dim")),
            BetaFast = Given(scaling.OptionalNumber("beta_fast")) ?? plain.BetaFast,
            BetaSlow = Given(scaling.OptionalNumber("beta_slow")) ?? plain.BetaSlow,
            Truncate = scaling.Flag("truncate", true),
        };

        static double? Given(double? value) => value is 0 ? null : value;
    }
}
