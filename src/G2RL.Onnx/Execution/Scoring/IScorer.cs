namespace G2RL.Onnx.Execution.Scoring;

/// <summary>Log-probs and entropies of given responses: on the host (<see cref="Scorer"/>) or on a device.</summary>
public interface IScorer : IDisposable
{
    /// <summary>Scores responses, in the order given.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="sequences">Prompts and responses.</param>
    /// <param name="request">How, and what else is wanted.</param>
    /// <param name="cancel">Stops between batches.</param>
    Scores[] Score(Policy policy, IReadOnlyList<Sequence> sequences, ScoreRequest request, CancellationToken cancel = default);
}
