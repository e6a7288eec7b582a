using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;

namespace G2RL.Onnx.Training.Steps;

/// <summary>
/// Phase 3, score: what the trainer's own forward passes say of the rollouts' tokens, where the old log-probs of the update are not those
/// of its own forward pass, and what the reference policy says of them.
/// </summary>
/// <param name="policy">The policy in training.</param>
/// <param name="reference">The policy from which divergence is counted; null where it is not.</param>
/// <param name="scorer">Who scores.</param>
/// <param name="features">What is accumulated while scoring.</param>
/// <param name="config">Temperature, tokens of a batch, corrections.</param>
/// <param name="rounding">Rounding of the backend's products, as a multiple of float32's.</param>
/// <param name="scoresFirst">Whether the old log-probs are scored here; otherwise the update takes them from its gradient pass.</param>
internal sealed class Rescoring(
    Policy policy,
    Policy? reference,
    IScorer scorer,
    RolloutFeatures features,
    RunConfig config,
    double rounding,
    bool scoresFirst)
{
    /// <summary>Scores a step's groups.</summary>
    /// <param name="step">The step; receives how far sampler and trainer are apart.</param>
    /// <param name="groups">Its groups.</param>
    /// <param name="largestLogit">The largest |logit| that the sampler saw.</param>
    /// <param name="drawer">The weights that they are to come from.</param>
    /// <exception cref="InputException">No completion could be judged.</exception>
    /// <exception cref="InvalidOperationException">
    /// A rollout of other weights, or log-probs that differ by more than rounding explains.
    /// </exception>
    public StepBatch Run(Step step, ScoredGroup[] groups, double largestLogit, PolicyVersion drawer)
    {
        var samples = Members(step, groups, drawer);
        var sequences = samples.Select(s => s.Sequence).ToArray();
        var asked = new ScoreRequest(config.Sampling.Temperature, config.Training.MicrobatchTokens);
        var old = !scoresFirst ? [] : scorer.Score(
            policy,
            sequences,
            asked with
            {
                WithFeatures = features.WhileScoring,
                TokenWeight = features.Weight,
                WithMeanHidden = features.MeanHidden,
                WithSquares = features.Squares,
            },
            step.Cancel);
        var kl = reference is null ? null : scorer.Score(reference, sequences, asked, step.Cancel);
        for (var i = 0; i < samples.Length; i++)
            (samples[i].OldLogProbs, samples[i].ReferenceLogProbs) = (scoresFirst ? old[i].LogProbs : [], kl?[i].LogProbs);
        void HoldAgainstSampler(IReadOnlyList<Sample> scored) => Mismatch.Check(
            step.Metrics,
            scored,
            largestLogit / config.Sampling.Temperature,
            config.Algorithm.Correction.IsOn || config.Sampling.DrawsOtherwise,
            rounding);
        if (scoresFirst)
            HoldAgainstSampler(samples);
        step.Clock.Lap("score");
        return new(groups, samples, old, scoresFirst ? null : HoldAgainstSampler);
    }

    private static Sample[] Members(Step step, ScoredGroup[] groups, PolicyVersion drawer)
    {
        var samples = groups.SelectMany((g, i) =>
            g.Members.Select((rollout, member) => new Sample(i, member, g, g.Group.Rollouts[rollout]))).ToArray();
        if (samples.Length == 0)
            throw new InputException($"Step {step.Number}: none of {groups.Sum(g => g.Outcomes.Count)} completions could be judged. "
                + "Look at the reward function; the warnings above say what went wrong.");
        foreach (var sample in samples)
            if (sample.Rollout.Version != drawer)
                throw new InvalidOperationException($"A rollout was drawn by {sample.Rollout.Version}; this step's are {drawer}'s.");
        return samples;
    }
}
