using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Rewards;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Rewards that are a formula, and pass@k.</summary>
internal static class RewardCases
{
    public static string? Run(GoldenCase c, Check check)
    {
        int In(string name) => (int)c.Input(name).Values[0];
        switch (c.Field("fn"))
        {
            case "soft_overlong_punishment":
                check.Expected(
                    c,
                    null,
                    OverlongPenalty.Bounded(In("length"), (int)c.Number("max_completion_len", 0), (int)c.Number("soft_punish_cache", 1)));
                return null;
            case "dapo_overlong":
                check.Expected(c, null, OverlongPenalty.Linear(
                    In("length"),
                    (int)c.Number("max_resp_len", 0),
                    (int)c.Number("buffer_len", 1),
                    c.Number("penalty_factor", 1)));
                return null;
            case "cosine_scaled":
                check.Expected(c, null, CosineReward.Of(Cosine(c), c.Input("correct").Values[0] != 0, In("length")));
                return null;
            case "repetition_penalty":
                int[] tokens = [.. c.Input("completion_ids").Values.Select(t => (int)t)];
                check.Expected(c, null, RepetitionReward.Of(tokens, (int)c.Number("ngram_size", 3), c.Number("max_penalty", -1)));
                return null;
            case "scale_rewards":
                var scale = new ScaleConfig
                {
                    SourceLow = c.Number("source_min", 0),
                    SourceHigh = c.Number("source_max", 1),
                    TargetLow = c.Number("target_min", 0),
                    TargetHigh = c.Number("target_max", 1),
                };
                check.Expected(c, null, [.. c.Input("rewards").Values.Select(scale.Apply)]);
                return null;
            default:
                return $"reward '{c.Field("fn")}'";
        }
    }

    // TRL names the ends of a range by their size: a wrong answer's highest reward is that of the longest response.
    private static CosineConfig Cosine(GoldenCase c) => new()
    {
        RightLow = c.Number("min_value_correct", 0.5),
        RightHigh = c.Number("max_value_correct", 1),
        WrongLow = c.Number("min_value_wrong", -1),
        WrongHigh = c.Number("max_value_wrong", -0.5),
        MaxLength = (int)c.Number("max_len", 1000),
    };

    public static string? PassAtK(GoldenCase c, Check check)
    {
        int In(string name) => (int)c.Input(name).Values[0];
        check.Expected(c, "unbiased", Evaluation.PassAtK.Estimate(In("n"), In("c"), In("k")));
        return null;
    }
}
