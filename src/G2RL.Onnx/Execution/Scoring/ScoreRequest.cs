namespace G2RL.Onnx.Execution.Scoring;

/// <summary>How responses are scored, and what is wanted beside log-probs and entropies.</summary>
/// <param name="Temperature">Divides the logits, > 0.</param>
/// <param name="MaxTokens">Tokens of a batch at most, padding included; one sequence at least.</param>
public sealed record ScoreRequest(double Temperature, int MaxTokens)
{
    /// <summary>Also the hidden states.</summary>
    public bool WithHidden { get; init; }

    /// <summary>Also the mean hidden states.</summary>
    public bool WithMeanHidden { get; init; }

    /// <summary>Also the feature weights; those of an earlier call are lost where a device holds them.</summary>
    public bool WithFeatures { get; init; }

    /// <summary>a_t of the feature weights; null is 1.</summary>
    public TokenWeight? TokenWeight { get; init; }

    /// <summary>Also the sums of the squared probabilities; on the host alone, and not with feature weights.</summary>
    public bool WithSquares { get; init; }

    /// <summary>Called with the number of sequences scored so far, from any thread.</summary>
    public Action<int>? Progress { get; init; }
}

/// <summary>Scores with the most common wishes.</summary>
public static class ScorerCalls
{
    /// <summary>Scores responses, in the order given.</summary>
    /// <param name="scorer">Who scores.</param>
    /// <param name="policy">The weights.</param>
    /// <param name="sequences">Prompts and responses.</param>
    /// <param name="temperature">Divides the logits, > 0.</param>
    /// <param name="maxTokens">Tokens of a batch at most, padding included.</param>
    /// <param name="withHidden">Also the hidden states.</param>
    /// <param name="withFeatures">Also the feature weights.</param>
    /// <param name="cancel">Stops between batches.</param>
    public static Scores[] Score(
        this IScorer scorer,
        Policy policy,
        IReadOnlyList<Sequence> sequences,
        double temperature,
        int maxTokens,
        bool withHidden = false,
        bool withFeatures = false,
        CancellationToken cancel = default) => scorer.Score(
            policy,
            sequences,
            new ScoreRequest(temperature, maxTokens) { WithHidden = withHidden, WithFeatures = withFeatures },
            cancel);
}
