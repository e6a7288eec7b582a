using System.Globalization;
using G2RL.Onnx.Algorithms.Corrections;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Rollout corrections, rejection and token masks.</summary>
internal static class CorrectionCases
{
    public static string? Verl(GoldenCase c, Check check)
    {
        if (c.Field("kind") == "metrics")
            return Metrics(c, check);
        if (c.Field("kind") is not ("is_weights" or "rejection_mask"))
            return $"rollout correction '{c.Field("kind")}'";
        var (log, mask) = (c.Input("log_ratio"), c.Input("mask"));
        if (c.Field("kind") == "is_weights")
        {
            check.Expected(
                c,
                "weights",
                Weights(log.Rounded, mask, c.Text("level", "token"), c.Text("threshold", "2"), c.Flag("batch_normalize", false)));
            return null;
        }
        if (!Rejection.Options.Contains(c.Text("option", "")))
            return $"rejection '{c.Text("option", "")}'";
        check.Expected(c, "mask", Reject(log.Rounded, mask, c.Text("option", ""), c.Text("threshold", "")));
        return null;
    }

    private static string? Metrics(GoldenCase c, Check check)
    {
        var mask = c.Input("mask");
        var s = MismatchStatistics.Of(c.Input("old_log_prob").Rounded, c.Input("rollout_log_prob").Rounded, mask.Values, mask.Rows);
        foreach (var (name, value) in new[]
        {
            ("training_ppl", s.TrainerPerplexity),
            ("training_log_ppl", s.TrainerLogPerplexity),
            ("rollout_ppl", s.SamplerPerplexity),
            ("rollout_log_ppl", s.SamplerLogPerplexity),
            ("kl", s.Kl),
            ("k3_kl", s.K3),
            ("log_ppl_diff", s.Difference),
            ("log_ppl_abs_diff", s.AbsoluteDifference),
            ("log_ppl_diff_max", s.LargestDifference),
            ("log_ppl_diff_min", s.SmallestDifference),
            ("ppl_ratio", s.PerplexityRatio),
            ("chi2_token", s.ChiSquareToken),
            ("chi2_seq", s.ChiSquareSequence),
        })
            check.Expected(c, name, value);
        return null;
    }

    public static string? HighEntropy(GoldenCase c, Check check)
    {
        check.Expected(c, null, TokenMasks.HighEntropy(c.Input("entropies").Rounded, c.Input("mask").Values, c.Number("threshold", 0)));
        return null;
    }

    public static string? OffPolicy(GoldenCase c, Check check)
    {
        check.Expected(c, null, TokenMasks.OffPolicy(
            c.Input("advantages").Values,
            c.Input("per_token_logps").Rounded,
            c.Input("sampling_per_token_logps").Rounded,
            c.Input("mask").Values,
            c.Number("threshold", 0)));
        return null;
    }

    public static string? Trl(GoldenCase c, Check check)
    {
        var mode = c.Text("mode", "");
        if (mode is not ("token_truncate" or "token_mask" or "sequence_truncate" or "sequence_mask"))
            return $"rollout correction '{mode}'";
        var mask = c.Input("mask");
        double[] log = [.. c.Input("old_per_token_logps").Rounded
            .Zip(c.Input("sampling_per_token_logps").Rounded, mask.Values)
            .Select(x => x.Third == 0 ? 0 : x.First - x.Second)];
        var sequence = mode.StartsWith("sequence", StringComparison.Ordinal);
        var weights = RolloutCorrection.Weights(
            log,
            mask.Values,
            mask.Rows,
            sequence,
            c.Number("clip_min", 0),
            c.Number("clip_max", double.PositiveInfinity),
            mode.EndsWith("mask", StringComparison.Ordinal) ? OutOfBounds.Zero : OutOfBounds.Truncate,
            double.PositiveInfinity);
        check.Expected(c, null, sequence ? [.. Enumerable.Range(0, mask.Rows).Select(row => weights[row * mask.Width])] : weights);
        return null;
    }

    /// <summary>verl's weights: a threshold "a_b" makes what lies outside 0, a number is the upper bound.</summary>
    public static double[] Weights(double[] logRatios, Numbers mask, string level, string threshold, bool normalize)
    {
        var (low, high, both) = Bounds(threshold);
        var weights = RolloutCorrection.Weights(
            logRatios,
            mask.Values,
            mask.Rows,
            level == "sequence",
            both ? low : 0,
            high,
            both ? OutOfBounds.Zero : OutOfBounds.Truncate);
        weights = [.. weights.Zip(mask.Values, (w, m) => m == 0 ? 0 : w)];
        if (normalize)
            RolloutCorrection.DivideByMean(weights, mask.Values, mask.Rows, level == "sequence");
        return weights;
    }

    /// <summary>verl's rejection: of k1 "a_b" are both bounds of the ratio, a number the upper one and its reciprocal the lower.</summary>
    public static double[] Reject(double[] logRatios, Numbers mask, string option, string threshold)
    {
        var (low, high, both) = Bounds(threshold);
        return Rejection.Mask(logRatios, mask.Values, mask.Rows, option, both ? low : 1 / high, high);
    }

    private static (double Low, double High, bool Both) Bounds(string threshold)
    {
        var parts = threshold.Split('_');
        double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
        return parts.Length == 2 ? (Number(parts[0]), Number(parts[1]), true) : (0, Number(parts[0]), false);
    }
}
