using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Policy losses of verl.</summary>
internal static class VerlLossCases
{
    private static readonly Dictionary<string, string> Losses = new(StringComparer.Ordinal)
    {
        ["vanilla"] = "clipped",
        ["gspo"] = "gspo-token",
        ["cispo"] = "cispo",
        ["sapo"] = "sapo",
        ["geo_mean"] = "gmpo",
        ["gmpo"] = "gmpo",
        ["gpg"] = "reinforce",
        ["dppo_tv"] = "dppo-tv",
        ["dppo_kl"] = "dppo-kl",
        ["dro"] = "dro",
        ["kl_cov"] = "kl-cov",
    };

    public static string? Run(GoldenCase c, Check check)
    {
        var mode = c.Field("loss_mode")!;
        if (!Losses.TryGetValue(mode, out var loss))
            return $"policy loss '{mode}'";
        var clip = c.Number("clip_ratio", 0.2);
        var settings = new PolicyLossSettings(c.Number("clip_ratio_low", clip), c.Number("clip_ratio_high", clip))
        {
            Loss = loss,
            LogRatioClamp = Profile.Verl.LogRatioClamp,
            DualClip = loss == "clipped" ? c.Number("clip_ratio_c", Profile.Verl.DualClip) : 0,
            DetachedRatioLimit = c.Number("clip_ratio_c", 20),
            TauPositive = c.Number("policy_loss", "tau_pos", c.Number("tau_pos", 1)),
            TauNegative = c.Number("policy_loss", "tau_neg", c.Number("tau_neg", 1.05)),
            Penalty = mode == "dro"
                ? c.Number("policy_loss", "dro_beta", c.Number("dro_beta", 0.1))
                : c.Number("policy_loss", "ppo_kl_coef", 0.1),
            CovarianceShare = c.Number("policy_loss", "kl_cov_ratio", 0.0002),
            Corrected = c.HasInput("rollout_is_weights"),
        };
        var mask = c.Input("mask");
        var name = mode == "gspo" ? "seq-mean-token-mean" : LossTable.All[loss].Aggregation ?? c.Text("loss_agg_mode", "token-mean");
        if (!Aggregations.All.TryGetValue(name, out var aggregation))
            return $"aggregation '{name}'";
        var local = Aggregations.Count(
            mask.Floats,
            mask.Rows,
            c.HasParameter("loss_scale_factor") ? c.Number("loss_scale_factor", 0) : null);
        var batch =
            local with { Tokens = c.Number("batch_num_tokens", local.Tokens), Sequences = c.Number("global_batch_size", local.Sequences) };
        ObjectiveResult Part(int start, int end)
        {
            float[] Rows(string input) => c.Input(input).Floats[(start * mask.Width)..(end * mask.Width)];
            var weights = Aggregations.Weights(aggregation, Rows("mask"), end - start, batch, emptyIsZero: false);
            var copies = (float)c.Number("dp_size", 1);
            return ObjectiveRunner.Run(new(
                settings,
                Rows("log_prob"),
                Rows("mask"),
                end - start,
                Rows("advantages"),
                [.. weights.Select(w => w * copies)])
            {
                Old = Rows("old_log_prob"),
                Corrections = settings.Corrected ? Rows("rollout_is_weights") : null,
            });
        }
        if (!c.HasInput("micro_batches"))
        {
            var whole = Part(0, mask.Rows);
            check.Expected(c, "loss", whole.Loss);
            check.Expected(c, "grad_log_prob", whole.Gradient);
            return null;
        }
        var (parts, sum) = (c.Input("micro_batches"), 0d);
        foreach (var (expected, i) in c.ExpectedList("micro").Select((e, i) => (e, i)))
        {
            var part = Part((int)parts.Values[2 * i], (int)parts.Values[(2 * i) + 1]);
            sum += part.Loss;
            check.Near($"micro-batch {i} loss", [part.Loss], c.Read(expected.GetProperty("loss"), "loss").Values);
            check.Near($"micro-batch {i} gradient", part.Gradient, c.Read(expected.GetProperty("grad_log_prob"), "grad_log_prob").Values);
        }
        check.Expected(c, "sum", sum);
        return null;
    }
}
