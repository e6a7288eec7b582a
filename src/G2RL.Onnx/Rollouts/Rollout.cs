using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rollouts;

/// <summary>Why a rollout ended.</summary>
public enum FinishReason
{
    /// <summary>The model chose a stop token.</summary>
    StopToken,

    /// <summary>The text reached a stop string.</summary>
    StopString,

    /// <summary>The limit on new tokens (or positions) cut it off.</summary>
    Length,
}

/// <summary>One sampled completion. Arrays are owned by the rollout and are not changed after it is made.</summary>
public sealed record Rollout
{
    /// <summary>Token ids of the prompt, shape [P], P >= 1.</summary>
    public required int[] PromptTokens { get; init; }

    /// <summary>Token ids of the response, the stop token included, shape [T], T >= 1.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>log p of each response token under the full softmax(z / temperature), nats, shape [T].</summary>
    public required float[] LogProbs { get; init; }

    /// <summary>Entropy of each step's full distribution, nats, shape [T].</summary>
    public required float[] Entropies { get; init; }

    /// <summary>Why it ended.</summary>
    public required FinishReason Finish { get; init; }

    /// <summary>The weights that drew it.</summary>
    public required PolicyVersion Version { get; init; }

    /// <summary>The response as text, special tokens removed.</summary>
    public required string Text { get; init; }

    /// <summary>
    /// u = counts(y)/T - mean_t p_t in R^V, METHOD's exact cheap form of the gradient feature; null unless asked for, or where a device
    /// holds it.
    /// </summary>
    public float[]? FeatureWeights { get; init; }

    /// <summary>Row of the device's accumulators that holds u, until the next draw that does not keep them; -1 where none does.</summary>
    public int FeatureRow { get; init; } = -1;

    /// <summary>Phi = u E [D], where the rollout came from elsewhere and u stayed there; else null.</summary>
    public float[]? Feature { get; init; }

    /// <summary>u, where it was accumulated, or what became of it there.</summary>
    public FeatureWeights Features => new(FeatureWeights, FeatureRow) { Projected = Feature };

    /// <summary>
    /// Input of the LM head at the positions that score each response token, shape [T, D], row-major; null unless asked for.
    /// </summary>
    public float[]? HiddenStates { get; init; }

    /// <summary>Whether a stop token or string ended it.</summary>
    public bool Finished => Finish != FinishReason.Length;
}

/// <summary>A prompt and its G rollouts. Groups are never split.</summary>
/// <param name="Problem">The prompt's problem.</param>
/// <param name="Rollouts">Its rollouts, in sample order.</param>
public sealed record RolloutGroup(Problem Problem, IReadOnlyList<Rollout> Rollouts);
