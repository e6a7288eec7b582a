using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Algorithms.Losses;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Policy losses of TRL's GRPOTrainer.</summary>
internal static class TrlLossCases
{
    private static readonly Dictionary<string, (string Loss, string Aggregation)> Losses = new(StringComparer.Ordinal)
    {
        ["grpo"] = ("clipped", "row-mean-token-mean"),
        ["bnpo"] = ("clipped", "token-mean"),
        ["dr_grpo"] = ("clipped", "row-mean-token-sum-norm"),
        ["dapo"] = ("clipped", "token-mean"),
        ["cispo"] = ("cispo", "token-mean"),
        ["sapo"] = ("sapo", "row-mean-token-mean"),
        ["vespo"] = ("vespo", "token-mean"),
        ["luspo"] = ("clipped", "length-weighted"),
    };

    public static string? Run(GoldenCase c, Check check)
    {
        var type = c.Text("loss_type", "grpo");
        if (!Losses.TryGetValue(type, out var line))
            return $"policy loss '{type}'";
        var level = c.Text("level", "token");
        if (level is not ("token" or "sequence"))
            return $"importance sampling level '{level}'";
        if (level == "sequence" && line.Loss != "clipped")
            return $"{type} at sequence level";
        var mask = c.Input("completion_mask");
        var (rows, width) = (mask.Rows, mask.Width);
        var advantages = c.Input("advantages") is { } a && a.Values.Length == mask.Values.Length
            ? a.Floats
            : PerToken(c.Input("advantages").Floats, width);
        var low = c.Number("eps", 0.2);
        var high = c.Number("eps_high", low);
        var corrections = Corrections(c, mask, advantages);
        var settings = new PolicyLossSettings(low, high, c.Number("beta", 0), c.Number("entropy_coef", 0))
        {
            Loss = level == "sequence" ? "gspo" : line.Loss,
            OldIsCurrent = !c.HasInput("old_per_token_logps"),
            RatioLimit = level == "token" ? c.Number("delta", 0) : 0,
            KlOverRatio = c.Flag("bias_kl", false),
            Corrected = corrections is not null,
            EntropyApart = true,
        };
        if (type == "cispo")
            settings = settings with { RatioBound = high };
        if (level == "sequence" && (settings.KlOverRatio || c.HasParameter("delta")))
            return "delta or corrected KL at sequence level";
        var local = Aggregations.Count(mask.Floats, rows, c.HasParameter("max_len") ? c.Number("max_len", 0) : null);
        var accumulation = c.Number("gas", 1);
        // dapo, cispo and vespo divide by the tokens of the whole generation batch, which counts the accumulation already.
        var batch = type is "dapo" or "cispo" or "vespo"
            ? local with { Tokens = Math.Max(c.Number("num_items", local.Tokens), 1) }
            : local with { Tokens = Math.Max(local.Tokens, 1) };
        var share = type is "dapo" or "cispo" or "vespo" ? 1 : 1 / accumulation;
        var weights = Aggregations.Weights(Aggregations.All[line.Aggregation], mask.Floats, rows, batch, emptyIsZero: false);
        var result = ObjectiveRunner.Run(new(
            settings,
            c.Input("per_token_logps").Floats,
            mask.Floats,
            rows,
            advantages,
            [.. weights.Select(w => (float)(w * share))])
        {
            Old = settings.OldIsCurrent ? null : c.Input("old_per_token_logps").Floats,
            Reference = settings.KlCoefficient != 0 ? c.Input("ref_per_token_logps").Floats : null,
            Corrections = corrections,
            Entropies = c.HasInput("entropies") ? c.Input("entropies").Floats : null,
            EntropyWeights = [.. mask.Values.Select(m => (float)(m / Math.Max(local.Tokens, 1) / accumulation))],
        });
        check.Expected(c, "loss", result.Loss);
        check.Expected(c, "grad_per_token_logps", result.Gradient);
        return null;
    }

    // Off-policy mask, entropy mask and rollout weight, in TRL's order; null where the case has none.
    private static float[]? Corrections(GoldenCase c, Numbers mask, float[] advantages)
    {
        if (!c.HasParameter("off_thr") && !c.HasParameter("top_q") && !c.HasInput("importance_sampling_ratio"))
            return null;
        var factors = Enumerable.Repeat(1d, mask.Values.Length).ToArray();
        if (c.HasParameter("off_thr"))
        {
            double[] perRow = [.. Enumerable.Range(0, mask.Rows).Select(row => (double)advantages[row * mask.Width])];
            var sampled = c.HasInput("sampling_per_token_logps") ? c.Input("sampling_per_token_logps") : c.Input("old_per_token_logps");
            var kept =
                TokenMasks.OffPolicy(perRow, c.Input("per_token_logps").Rounded, sampled.Rounded, mask.Values, c.Number("off_thr", 0));
            factors = [.. factors.Select((f, i) => f * kept[i / mask.Width])];
        }
        if (c.HasParameter("top_q"))
        {
            var kept = TokenMasks.HighEntropy(c.Input("entropies").Rounded, mask.Values, 1 - c.Number("top_q", 1));
            factors = [.. factors.Select((f, i) => f * kept[i])];
        }
        if (c.HasInput("importance_sampling_ratio"))
        {
            var ratio = c.Input("importance_sampling_ratio");
            factors = [.. factors.Select((f, i) => f * ratio.Values[ratio.Width == 1 ? i / mask.Width : i])];
        }
        return [.. factors.Select(f => (float)f)];
    }

    private static float[] PerToken(float[] perRow, int width) => [.. perRow.SelectMany(a => Enumerable.Repeat(a, width))];
}
