using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>Scores a step's completions: one after the other in this process, or several at once where others do the work.</summary>
internal interface IReward : IDisposable
{
    /// <summary>
    /// An outcome of each completion, in their order. What fails is an outcome, too; nothing of a completion makes it throw.
    /// </summary>
    /// <param name="completions">The completions.</param>
    /// <param name="tally">Told of each outcome as it comes; throws when too many have failed.</param>
    /// <param name="cancel">Stops between completions.</param>
    /// <exception cref="InputException">Too many completions failed (<see cref="RewardTally"/>).</exception>
    Outcome[] Score(IReadOnlyList<Completion> completions, RewardTally tally, CancellationToken cancel);
}

/// <summary>A reward that is a function of a completion.</summary>
internal sealed class CompletionReward(RewardFunction score) : IReward
{
    /// <inheritdoc/>
    public Outcome[] Score(IReadOnlyList<Completion> completions, RewardTally tally, CancellationToken cancel)
    {
        var outcomes = new Outcome[completions.Count];
        for (var i = 0; i < outcomes.Length; i++)
        {
            cancel.ThrowIfCancellationRequested();
            outcomes[i] = score(completions[i]);
            tally.Add(outcomes[i]);
        }
        return outcomes;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
