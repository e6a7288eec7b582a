namespace G2RL.Onnx.Execution.Scoring;

/// <summary>Log-probs and entropies of given responses: on the host (<see cref="Scorer"/>) or on a device.</summary>
public interface IScorer : IDisposable
{
    /// <summary>Scores responses, in the order given, in batches of at most <paramref name="maxTokens"/> padded tokens.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="sequences">Prompts and responses.</param>
    /// <param name="temperature">> 0</param>
    /// <param name="maxTokens">Padded tokens of a batch.</param>
    /// <param name="withHidden">Also the hidden states.</param>
    /// <param name="withFeatures">Also the feature weights; those of an earlier call are lost.</param>
    /// <param name="progress">Called with the number of sequences scored so far, from any thread.</param>
    /// <param name="tokenWeight">a_t of the feature weights; null is 1.</param>
    /// <param name="withMeanHidden">Also the mean hidden states.</param>
    /// <param name="withSquares">Also the sums of the squared probabilities; on the host alone, and not with feature weights.</param>
    /// <param name="cancel">Stops between batches.</param>
    Scores[] Score(
        Policy policy,
        IReadOnlyList<Sequence> sequences,
        double temperature,
        int maxTokens,
        bool withHidden = false,
        bool withFeatures = false,
        Action<int>? progress = null,
        TokenWeight? tokenWeight = null,
        bool withMeanHidden = false,
        bool withSquares = false,
        CancellationToken cancel = default);
}
