using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Advantages;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Advantages of verl (per token) and TRL (per sequence).</summary>
internal static class AdvantageCases
{
    private static readonly Dictionary<string, string> Verls = new(StringComparer.Ordinal)
    {
        ["grpo"] = "group-std",
        ["grpo_vectorized"] = "group-std",
        ["grpo_passk"] = "pass-at-k",
        ["rloo"] = "rloo",
        ["rloo_vectorized"] = "rloo",
        ["opo"] = "opo",
        ["gpg"] = "gpg",
        ["gdpo"] = "gdpo",
        ["reinforce_plus_plus_baseline"] = "group-mean",
    };

    public static string? Verl(GoldenCase c, Check check)
    {
        var estimator = c.Field("estimator")!;
        if (estimator != "reinforce_plus_plus" && !Verls.ContainsKey(estimator))
            return $"advantage '{estimator}'";
        var (rewards, mask) = (c.Input("token_level_rewards"), c.Input("mask"));
        var width = mask.Width;
        double[] advantages;
        if (estimator == "reinforce_plus_plus")
        {
            advantages = new double[mask.Values.Length];
            for (var row = 0; row < mask.Rows; row++)
                ReinforcePlusPlus.Returns(
                    rewards.Rounded.AsSpan(row * width, width),
                    mask.Values.AsSpan(row * width, width),
                    c.Number("gamma", 1),
                    advantages.AsSpan(row * width, width));
            check.Expected(c, "returns", advantages);
            Whitening.Apply(advantages, mask.Values);
            Mask(advantages, mask);
            check.Expected(c, "advantages", advantages);
            return null;
        }
        double[] Rows(double[] values) => [.. Enumerable.Range(0, mask.Rows)
            .Select(row => values.AsSpan(row * width, width).ToArray().Sum())];
        var batch = new AdvantageBatch(Rows(rewards.Rounded), [.. c.Input("index").Values.Select(g => (int)g)], Rows(mask.Values));
        var perRow = new double[mask.Rows];
        var normalize = c.Flag("norm_adv_by_std_in_grpo", true);
        // verl's two forms of leave-one-out differ where there is nothing to leave.
        var settings = Profile.Verl.AdvantageSettings with { LoneKeepsReward = estimator != "rloo_vectorized" };
        if (estimator == "grpo_passk" && !normalize)
            PassAtKBest.Unscaled(batch, perRow);
        else
            AdvantageTable.All[normalize ? Verls[estimator] : "group-mean"](batch, settings, perRow);
        advantages = [.. perRow.SelectMany(a => Enumerable.Repeat(a, width))];
        if (estimator == "reinforce_plus_plus_baseline")
        {
            Mask(advantages, mask);
            Whitening.Apply(advantages, mask.Values);
        }
        Mask(advantages, mask);
        check.Expected(c, "advantages", advantages);
        check.Expected(c, "returns", advantages);
        return null;
    }

    public static string? Trl(GoldenCase c, Check check)
    {
        var size = (int)c.Input("num_generations").Values[0];
        double epsilon = Profile.Trl.AdvantageSettings.Epsilon;
        if (!c.HasInput("rewards_per_func"))
        {
            double[] rewards = c.Input("rewards").Rounded;
            var leaveOneOut = new double[rewards.Length];
            Rloo.Compute(
                new(rewards, Groups(rewards.Length, size), new double[rewards.Length]),
                Profile.Trl.AdvantageSettings,
                leaveOneOut);
            if (c.Flag("normalize_advantages", false))
                Rloo.Normalize(rewards, epsilon, leaveOneOut);
            check.Expected(c, "advantages", leaveOneOut);
            return null;
        }
        var table = c.Input("rewards_per_func");
        double[][] rows =
            [.. Enumerable.Range(0, table.Rows).Select(row => table.Rounded.AsSpan(row * table.Width, table.Width).ToArray())];
        var weights = c.List("reward_weights") ?? [.. Enumerable.Repeat(1d, table.Width)];
        var groups = Groups(rows.Length, size);
        if (c.Text("multi_objective_aggregation", "sum_then_normalize") == "normalize_then_sum")
        {
            check.Expected(c, "advantages", RewardSum.NormalizedFirst(rows, weights, groups, epsilon));
            return null;
        }
        var rule = c.Text("scale_rewards", "group") switch
        {
            "group" or "true" =>
            "group-std",
            "batch" => "batch-std",
            "none" or "false" => "group-mean",
            _ => null
        };
        if (rule is null)
            return $"reward scaling '{c.Text("scale_rewards", "group")}'";
        var advantages = new double[rows.Length];
        AdvantageTable.All[rule](
            new(RewardSum.Weighted(rows, weights), groups, new double[rows.Length]),
            Profile.Trl.AdvantageSettings,
            advantages);
        check.Expected(c, "advantages", advantages);
        return null;
    }

    private static int[] Groups(int count, int size) => [.. Enumerable.Range(0, count).Select(i => i / size)];

    private static void Mask(double[] values, Numbers mask)
    {
        for (var i = 0; i < values.Length; i++)
            values[i] = mask.Values[i] == 0 ? 0 : values[i];
    }
}
