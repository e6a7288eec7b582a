using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>
/// Counts a reward's outcomes of one step as they come, and stops the step as soon as more have failed than may. Thread-safe.
/// </summary>
/// <param name="label">The reward, as messages name it.</param>
/// <param name="total">Completions of the step.</param>
/// <param name="maxFailedShare">Share of them that may fail, 0 to 1.</param>
/// <param name="progress">Told how many are done.</param>
internal sealed class RewardTally(string label, int total, double maxFailedShare, Action<int>? progress = null)
{
    private readonly Lock gate = new();
    private int done;
    private int failed;

    /// <summary>Completions that failed: errors and timeouts. An abstention is no failure.</summary>
    public int Failed
    {
        get
        {
            lock (gate)
                return failed;
        }
    }

    /// <summary>Counts an outcome.</summary>
    /// <exception cref="InputException">More than the share have failed; the message holds the last failure.</exception>
    public void Add(Outcome outcome)
    {
        int now;
        lock (gate)
        {
            now = ++done;
            if (outcome.Kind is OutcomeKind.Error or OutcomeKind.Timeout && ++failed > maxFailedShare * total)
                throw new InputException(
                    $"Reward {label}: {failed} of a step's {total} completions failed, and its maxFailedShare is " +
                        $"{maxFailedShare:0.###}; the last: {outcome.Message?.TrimEnd('.', ' ')}. " +
                    "Mend what fails and go on with --resume, or allow a larger share.");
        }
        progress?.Invoke(now);
    }
}
