namespace G2RL.Onnx.Rewards.Passes;

/// <summary>
/// A step's completions on their way through a run's rewards, a part after the other: what has failed counts for all of them.
/// </summary>
internal sealed class RewardPass
{
    private readonly Func<IReadOnlyList<Completion>, RewardTally[], CancellationToken, RewardResult[]> score;
    private readonly RewardTally[] tallies;

    internal RewardPass(
        Func<IReadOnlyList<Completion>, RewardTally[], CancellationToken, RewardResult[]> score,
        Func<RewardPass, RewardTally[]> tallies) => (this.score, this.tallies) = (score, tallies(this));

    /// <summary>Told of a reward and how many completions it has done, from any thread; null tells nobody.</summary>
    public Action<string, int>? Progress { get; set; }

    /// <summary>Scores the next completions.</summary>
    /// <param name="completions">Some of the step's, without verdicts.</param>
    /// <param name="cancel">Stops between completions.</param>
    /// <exception cref="InputException">More of the step's completions failed than a reward allows.</exception>
    public RewardResult[] Score(IReadOnlyList<Completion> completions, CancellationToken cancel = default) =>
        completions.Count == 0 ? [] : score(completions, tallies, cancel);
}
