using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Advantages;
using G2RL.Onnx.Algorithms.Arms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Conformance.Cases;

namespace G2RL.Onnx.Conformance;

/// <summary>Numbers from the unit tests of several trainers.</summary>
internal static class UpstreamCases
{
    public static string? Run(GoldenCase c, Check check) => c.Field("algo") switch
    {
        "ppo_clip" or "ppo_dual_clip" or "gspo" or "cispo" => PolicyLosses(c, check),
        "ppo_clip+is" => Corrected(c, check),
        "k3" => Divergence(c, check),
        "k3+is" => ScoredDivergence(c, check, c.Number("input_clamp", 0), c.Number("output_clamp", 0), scale: 1),
        "kl_grad" => ScoredDivergence(c, check, 0, 0, c.Number("beta", 1) / c.Input("log_prob").Values.Length),
        "maxrl" => MaximumLikelihood(c, check),
        "is_metrics" => Fractions(c, check),
        "rloo" => Advantage(c, check, "rloo"),
        "grpo_no_std" => Advantage(c, check, "group-mean"),
        "group_norm" => Advantage(c, check, "group-std", Profile.OpenRlhf.AdvantageSettings),
        "dr_grpo" => Advantage(c, check, "group-mean"),
        "rfpp_returns" => Returns(c, check),
        "agg" => AggregationCases.Run(c, check, "x", Profile.Verl),
        "rollout_is" => Rollout(c, check),
        "rollout_is+rs" => Rollout(c, check),
        "tis" => Truncated(c, check),
        "seq-mask-tis" => SequenceMask(c, check),
        "group_mean_std" => MeanAndDeviation(c, check),
        var algo => $"'{algo}'",
    };

    private static string? PolicyLosses(GoldenCase c, Check check)
    {
        var advantages = c.Input("advantages");
        // A case may give the ratio itself.
        var logProbs = c.HasInput("ratio") ? [.. c.Input("ratio").Values.Select(r => (float)Math.Log(r))] : c.Input("log_prob").Floats;
        var old = c.HasInput("ratio") ? new float[logProbs.Length] : c.Input("old_log_prob").Floats;
        var algo = c.Field("algo")!;
        var result = Loss(
            c,
            algo switch { "gspo" => "gspo-token", "cispo" => "cispo", _ => "clipped" },
            logProbs,
            old,
            advantages,
            corrections: null);
        check.Expected(c, "loss", result.Loss);
        check.Expected(c, "per_token", result.PerToken);
        return null;
    }

    private static ObjectiveResult Loss(GoldenCase c, string loss, float[] logProbs, float[] old, Numbers advantages, double[]? corrections)
    {
        float[] mask = c.HasInput("mask") ? c.Input("mask").Floats : [.. logProbs.Select(_ => 1f)];
        var clip = c.Number("clip_ratio", 0.2);
        var settings = new PolicyLossSettings(c.Number("eps_low", clip), c.Number("eps_high", clip))
        {
            Loss = loss,
            DualClip = loss == "clipped" ? c.Number("clip_ratio_c", 0) : 0,
            Corrected = corrections is not null,
        };
        var aggregation = Aggregations.All[c.Text("agg", "token-mean")];
        var weights =
            Aggregations.Weights(aggregation, mask, advantages.Rows, Aggregations.Count(mask, advantages.Rows), emptyIsZero: false);
        return ObjectiveRunner.Run(new(
            settings,
            logProbs,
            mask,
            advantages.Rows,
            advantages.Floats,
            weights)
        { Old = old, Corrections = corrections is null ? null : [.. corrections.Select(w => (float)w)] });
    }

    private static string? Corrected(GoldenCase c, Check check)
    {
        var (logProbs, old, rollout, reference) =
            (c.Input("log_prob"), c.Input("old_log_prob"), c.Input("rollout_log_prob"), c.Input("ref_log_prob"));
        double[] ones = [.. old.Values.Select(_ => 1d)];
        double[] Ratio(Numbers to) => RolloutCorrection.Weights(
            [.. to.Values.Zip(rollout.Values, (a, b) => a - b)],
            ones,
            old.Rows,
            sequence: false,
            0,
            double.PositiveInfinity,
            OutOfBounds.Truncate);
        var weights = Ratio(old);
        check.Expected(c, "is_weights", weights);
        check.Expected(c, "actor_loss", Loss(c, "clipped", logProbs.Floats, old.Floats, c.Input("advantages"), weights).Loss);
        var (k3, _) = ObjectiveRunner.Function(
            logProbs.Floats,
            (op, lp) => KlCases.Estimate(op, lp, "k3", 0, 0),
            ("ref", reference.Floats));
        check.Expected(c, "k3", k3);
        var divergenceWeights = Ratio(logProbs);
        check.Expected(c, "kl_is_weights", divergenceWeights);
        check.Expected(c, "kl_mean", k3.Zip(divergenceWeights, (k, w) => k * w).Average());
        return null;
    }

    private static string? Divergence(GoldenCase c, Check check)
    {
        var (k3, _) = ObjectiveRunner.Function(
            c.Input("log_prob").Floats,
            (op, lp) => KlCases.Estimate(op, lp, "k3", c.Number("input_clamp", 0), c.Number("output_clamp", 0)),
            ("ref", c.Input("ref_log_prob").Floats));
        check.Expected(c, "k3", k3);
        check.Expected(c, "kl_mean", k3.Average());
        check.Expected(c, "loss", k3.Average() * c.Number("beta", 1));
        return null;
    }

    // The divergence times its own ratio: the gradient has the part that moves samples, too.
    private static string? ScoredDivergence(GoldenCase c, Check check, double inputClamp, double outputClamp, double scale)
    {
        var reference = c.Input("ref_log_prob").Floats;
        var (kl, gradient) = ObjectiveRunner.Function(
            c.Input("log_prob").Floats,
            (op, lp) => KlEstimators.Scored(KlEstimators.All["k3"], new(op, lp, op.Graph["ref"], inputClamp, outputClamp),
            old: op.Detach(lp)),
            ("ref", reference));
        check.Expected(c, "kl", kl);
        check.Expected(c, "grad", [.. gradient.Select(g => g * scale)]);
        return null;
    }

    private static string? MaximumLikelihood(GoldenCase c, Check check)
    {
        var (scores, index) = (c.Input("scores").Rounded, c.Input("index").Values);
        var advantages = new double[scores.Length];
        foreach (var group in Enumerable.Range(0, scores.Length).GroupBy(i => index[i]))
        {
            int[] members = [.. group];
            var own = new double[members.Length];
            MaxRl.Of([.. members.Select(i => scores[i])], c.Number("eps", 0), own);
            foreach (var (i, a) in members.Zip(own))
                advantages[i] = a;
        }
        check.Expected(c, "advantages", advantages);
        return null;
    }

    private static string? Fractions(GoldenCase c, Check check)
    {
        var (raw, mask) = (c.Input("raw_is_weights"), c.Input("mask"));
        double[] log = [.. raw.Values.Select(w => Math.Log(w))];
        check.Expected(c, "rollout_is_seq_fraction_high",
            MismatchStatistics.SequencesAbove(log, mask.Values, mask.Rows, c.Number("threshold", 2)));
        return null;
    }

    private static string? Advantage(GoldenCase c, Check check, string rule, AdvantageSettings? settings = null)
    {
        double[] scores = c.Input("scores").Rounded;
        var advantages = new double[scores.Length];
        // In these tests a group of one has advantage 0.
        AdvantageTable.All[rule](
            new(scores, [.. c.Input("index").Values.Select(g => (int)g)], [.. scores.Select(_ => 1d)]),
            settings ?? Profile.Verl.AdvantageSettings with { LoneKeepsReward = false },
            advantages);
        check.Expected(c, "advantages", advantages);
        return null;
    }

    private static string? Returns(GoldenCase c, Check check)
    {
        var rewards = c.Input("rewards");
        var returns = new double[rewards.Values.Length];
        for (var row = 0; row < rewards.Rows; row++)
        {
            var part = (row * rewards.Width)..((row + 1) * rewards.Width);
            ReinforcePlusPlus.Returns(rewards.Rounded[part], c.Input("mask").Values[part], c.Number("gamma", 1), returns.AsSpan(part));
        }
        check.Expected(c, "returns", returns);
        return null;
    }

    private static string? Rollout(GoldenCase c, Check check)
    {
        var mask = c.Input("mask");
        double[] log = c.HasInput("raw_is_weights")
            ? [.. c.Input("raw_is_weights").Values.Select(w => Math.Log(w))]
            : [.. c.Input("old_log_prob").Values.Zip(c.Input("rollout_log_prob").Values, (a, b) => a - b)];
        var weights = CorrectionCases.Weights(log, mask, c.Text("level", "token"), c.Text("threshold", "2"), normalize: false);
        check.Expected(c, "weights", weights);
        if (c.HasParameter("rollout_rs"))
        {
            var kept = CorrectionCases.Reject(log, mask, c.Text("rollout_rs", ""), c.Text("rollout_rs_threshold", ""));
            check.Expected(c, "mask", kept);
            check.Expected(c, "masked_fraction", 1 - (kept.Sum() / mask.Values.Sum()));
        }
        if (c.Expected("oob_ratio") is not null)
            check.Expected(c, "oob_ratio", weights.Zip(mask.Values).Count(x => x.Second != 0 && x.First == 0) / mask.Values.Sum());
        if (c.HasInput("advantages"))
            check.Expected(
                c,
                "loss",
                Loss(c, "clipped", c.Input("log_prob").Floats, c.Input("old_log_prob").Floats, c.Input("advantages"), weights).Loss);
        return null;
    }

    private static string? Truncated(GoldenCase c, Check check)
    {
        var raw = c.Input("is_weights");
        double[] weights = [.. raw.Values.Select(w =>
            RolloutCorrection.Bounded(w, c.Number("min", 0), c.Number("max", double.PositiveInfinity), OutOfBounds.Truncate))];
        check.Expected(c, "weights", weights);
        check.Expected(c, "oob_ratio", (double)weights.Zip(raw.Values).Count(x => x.First != x.Second) / weights.Length);
        check.Expected(
            c,
            "loss",
            Loss(c, "clipped", new float[weights.Length], new float[weights.Length], c.Input("advantages"), weights).Loss);
        return null;
    }

    private static string? SequenceMask(GoldenCase c, Check check)
    {
        var (old, rollout, advantages) = (c.Input("old_log_prob"), c.Input("rollout_log_prob"), c.Input("advantages"));
        double[] log = [.. old.Values.Zip(rollout.Values, (a, b) => a - b)];
        var kept = Rejection.Mask(
            log,
            [.. log.Select(_ => 1d)],
            old.Rows,
            "seq_mean_k1",
            1 / c.Number("max", double.PositiveInfinity),
            1 / c.Number("min", 0));
        double[] weights = [.. log.Select((l, i) => kept[i] * Math.Exp(l))];
        check.Expected(c, "weights", weights);
        check.Expected(c, "loss", Loss(c, "clipped", old.Floats, old.Floats, advantages, weights).Loss);
        return null;
    }

    private static string? MeanAndDeviation(GoldenCase c, Check check)
    {
        var (scores, index) = (c.Input("scores").Rounded, c.Input("index").Values);
        var groups = Enumerable.Range(0, scores.Length)
            .GroupBy(i => index[i])
            .OrderBy(g => g.Key)
            .Select(g => g.Select(i => scores[i]).ToArray())
            .ToArray();
        // A group of one counts as mean 0 and deviation 1.
        check.Expected(c, "mean", [.. groups.Select(g => g.Length == 1 ? 0 : Statistics.Of(g).Mean)]);
        check.Expected(c, "std", [.. groups.Select(g => g.Length == 1 ? 1 : Statistics.Of(g).Deviation)]);
        check.Expected(c, "count", [.. groups.Select(g => (double)g.Length)]);
        return null;
    }
}
