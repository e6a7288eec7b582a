using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Algorithms.Losses;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Policy losses of OpenRLHF.</summary>
internal static class OpenRlhfLossCases
{
    public static string? Run(GoldenCase c, Check check)
    {
        var type = c.Text("policy_loss_type", "ppo");
        if (type is not ("ppo" or "gspo"))
            return $"policy loss '{type}'";
        var mask = c.Input("mask");
        var low = c.Number("clip_eps_low", 0.2);
        double[]? corrections = null;
        if (c.Flag("enable_vllm_is_correction", false))
        {
            var bounds = c.List("vllm_is_truncated_threshold") ?? [0.5, 5];
            corrections = Correct(c, mask, c.Text("vllm_is_correction_type", "tis"), bounds[0], bounds[^1]);
            if (corrections is null)
                return $"correction '{c.Text("vllm_is_correction_type", "tis")}'";
        }
        var settings = new PolicyLossSettings(low, c.Number("clip_eps_high", 0.2))
        {
            Loss = type == "gspo" ? "gspo" : "clipped",
            LogRatioClamp = Profile.OpenRlhf.LogRatioClamp,
            DualClip = type == "gspo" ? 0 : c.Number("dual_clip", Profile.OpenRlhf.DualClip),
            Corrected = corrections is not null,
        };
        // GSPO is averaged over sequences whatever the case says.
        var aggregation = Aggregations.All[c.Flag("token_level_loss", true) && type == "ppo" ? "token-mean" : "seq-mean-token-mean"];
        var weights =
            Aggregations.Weights(aggregation, mask.Floats, mask.Rows, Aggregations.Count(mask.Floats, mask.Rows), emptyIsZero: false);
        var result =
            ObjectiveRunner.Run(new(settings, c.Input("log_prob").Floats, mask.Floats, mask.Rows, c.Input("advantages").Floats, weights)
            {
                Old = c.Input("old_log_prob").Floats,
                Corrections = corrections is null ? null : [.. corrections.Select(w => (float)w)],
            });
        check.Expected(c, "loss", result.Loss);
        check.Expected(c, "grad_log_prob", result.Gradient);
        return null;
    }

    private static double[]? Correct(GoldenCase c, Numbers mask, string type, double low, double high)
    {
        double[] log = [.. c.Input("old_log_prob").Rounded.Zip(c.Input("rollout_log_prob").Rounded, (a, b) => a - b)];
        double[] Weights(OutOfBounds outside) =>
            RolloutCorrection.Weights(log, mask.Values, mask.Rows, sequence: false, low, high, outside, double.PositiveInfinity);
        switch (type)
        {
            case "tis":
                return Weights(OutOfBounds.Truncate);
            case "icepop":
                return Weights(OutOfBounds.Zero);
            case "seq-mask-tis":
                // Whole sequences are kept by the geometric mean of their ratios; what is kept has its own weights.
                var kept = Rejection.Mask(log, mask.Values, mask.Rows, "seq_mean_k1", 1 / high, 1 / low);
                return [.. log.Select((l, i) => kept[i] == 0 ? 0 : Math.Exp(l))];
            default:
                return null;
        }
    }
}
