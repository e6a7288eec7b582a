using G2RL.Onnx.Algorithms;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Length penalties, and pass@k.</summary>
internal static class RewardCases
{
    public static string? Run(GoldenCase c, Check check)
    {
        int In(string name) => (int)c.Input(name).Values[0];
        switch (c.Field("fn"))
        {
            case "soft_overlong_punishment":
                check.Expected(c, null, OverlongPenalty.Bounded(In("length"), (int)c.Number("max_completion_len", 0), (int)c.Number("soft_punish_cache", 1)));
                return null;
            case "dapo_overlong":
                check.Expected(c, null, OverlongPenalty.Linear(In("length"), (int)c.Number("max_resp_len", 0), (int)c.Number("buffer_len", 1), c.Number("penalty_factor", 1)));
                return null;
            default:
                return $"reward '{c.Field("fn")}'";
        }
    }

    public static string? PassAtK(GoldenCase c, Check check)
    {
        int In(string name) => (int)c.Input(name).Values[0];
        check.Expected(c, "unbiased", Evaluation.PassAtK.Estimate(In("n"), In("c"), In("k")));
        return null;
    }
}
