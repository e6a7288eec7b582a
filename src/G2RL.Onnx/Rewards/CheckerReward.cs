using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>The problem set's own judgement: what a run has where it names no rewards.</summary>
public sealed record CheckerConfig : RewardConfig;

/// <summary>The verdict of the problem set's checker as a reward.</summary>
internal static class CheckerReward
{
    public static Outcome Score(Completion completion) =>
        completion.Verdict ?? throw new InvalidOperationException("The checker was not asked.");
}
