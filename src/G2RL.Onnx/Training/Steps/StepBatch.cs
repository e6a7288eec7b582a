using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution.Scoring;

namespace G2RL.Onnx.Training.Steps;

/// <summary>The judged rollouts of a step, with what the trainer thinks of their tokens.</summary>
/// <param name="Groups">The step's groups [B].</param>
/// <param name="Samples">Their members, group after group [N], N >= 1.</param>
/// <param name="Scores">The trainer's own scores of the samples [N]; empty where the update finds them in its gradient pass.</param>
/// <param name="Pending">
/// Holds the sampler against the trainer once the gradient pass has found the samples' log-probs; null where that is done.
/// </param>
internal sealed record StepBatch(
    ScoredGroup[] Groups,
    Sample[] Samples,
    Scores[] Scores,
    Action<IReadOnlyList<Sample>>? Pending);
