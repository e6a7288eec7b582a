namespace G2RL.Onnx.Models;

/// <summary>Both spellings of the rotary settings: `rope_theta` + `rope_scaling` (Hugging Face 4.x) and `rope_parameters` (5.x).</summary>
internal static class RopeKeys
{
    private const double DefaultTheta = 10_000;

    public static RopeSpec Read(ConfigReader config, int maxPositions)
    {
        config.Refuse("rope_interleaved", "pairs must be (i, i + head_dim / 2).");
        var theta = config.OptionalNumber("rope_theta");
        var old = config.Child("rope_scaling");
        var parameters = config.Child("rope_parameters");
        if (old is not null && parameters is not null)
            throw new InputException($"{config.Source}: both rope_scaling and rope_parameters are given; keep the one that is meant.");
        if (parameters?.OptionalNumber("rope_theta") is { } inner)
        {
            if (theta is { } outer && outer != inner)
                throw new InputException($"{config.Source}: rope_theta is {outer} and rope_parameters.rope_theta is {inner}; they must agree.");
            theta = inner;
        }
        theta ??= DefaultTheta;
        return (parameters ?? old) is { } scaling ? Scaled(scaling, theta.Value, maxPositions) : new RopeSpec { Theta = theta.Value };
    }

    private static RopeSpec Scaled(ConfigReader scaling, double theta, int maxPositions)
    {
        string? type = scaling.OptionalText("rope_type"), legacy = scaling.OptionalText("type");
        if (type is not null && legacy is not null && type != legacy)
            throw new InputException($"{scaling.Source}: rope_type is '{type}' and type is '{legacy}'; they must agree.");
        scaling.Ignore("rope_theta");
        scaling.Expect("partial_rotary_factor", scaling.Number("partial_rotary_factor", 1) == 1, "the whole head must be rotated.");
        scaling.Expect("mrope_section", false, "positions must be one-dimensional.");
        var spec = (type ?? legacy) switch
        {
            null or "default" => new RopeSpec { Theta = theta },
            "linear" => new RopeSpec { Kind = RopeKind.Linear, Theta = theta, Factor = scaling.Number("factor") },
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
                $"{scaling.Source}: the RoPE type '{other}' is not supported; default, linear, llama3 and yarn are."
                + (other is "dynamic" or "longrope" or "su" ? " Its frequencies depend on the text's length, which a fixed graph cannot follow." : "")),
        };
        scaling.Finish($"RoPE type '{type ?? legacy ?? "default"}'");
        return spec;
    }

    // transformers 5.x: the explicit factor counts; where it is missing, max_position_embeddings / original. A 0 mscale or beta means "not given" there.
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
