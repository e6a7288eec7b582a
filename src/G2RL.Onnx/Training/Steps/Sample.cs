using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Training.Steps;

/// <summary>A judged rollout on its way to the update.</summary>
/// <param name="group">Index of its group in the batch.</param>
/// <param name="member">Index among the group's members.</param>
/// <param name="scored">Its group.</param>
/// <param name="rollout">The rollout.</param>
internal sealed class Sample(int group, int member, ScoredGroup scored, Rollout rollout)
{
    public int Group => group;

    public int Member => member;

    public Rollout Rollout => rollout;

    public Sequence Sequence { get; } = new(rollout.PromptTokens, rollout.Tokens);

    public double Advantage => scored.Advantages[member];

    /// <summary>Advantage of each token; null where all have <see cref="Advantage"/>.</summary>
    public double[]? TokenAdvantages => scored.TokenAdvantages?[member];

    /// <summary>Its group.</summary>
    public ScoredGroup Scored => scored;

    public bool Masked => scored.Masked;

    public float[] OldLogProbs { get; set; } = [];

    public float[]? ReferenceLogProbs { get; set; }

    /// <summary>Weight of each token against a sampler that differs; null where there is none.</summary>
    public float[]? Corrections { get; set; }

    /// <summary>Whether each token is trained on; null where all are.</summary>
    public bool[]? Kept { get; set; }

    /// <summary>Tokens that are trained on.</summary>
    public int KeptTokens => Kept?.Count(k => k) ?? rollout.Tokens.Length;

    /// <summary>Whether it is in the loss.</summary>
    /// <param name="truncated">What becomes of rollouts that the length limit cut off.</param>
    public bool IsTrained(KeepOrMask truncated) => !Masked && (rollout.Finished || truncated == KeepOrMask.Keep);
}

/// <summary>What each token weighed in the loss, for the log of rollouts.</summary>
internal static class LossWeights
{
    /// <summary>Tells the groups, where tokens of a rollout differ or a rollout of a group that is trained on was left out.</summary>
    /// <param name="samples">The rollouts of a step.</param>
    /// <param name="truncated">What became of those that the length limit cut off.</param>
    public static void Record(IReadOnlyList<Sample> samples, KeepOrMask truncated)
    {
        if (samples.All(s =>
            s.Corrections is null && s.Kept is null && s.TokenAdvantages is null && (s.Masked || s.IsTrained(truncated))))
            return;
        foreach (var sample in samples)
            (sample.Scored.TokenWeights ??= new double[sample.Scored.Members.Length][])[sample.Member] = Of(sample, truncated);
    }

    private static double[] Of(Sample sample, KeepOrMask truncated)
    {
        var weights = new double[sample.Rollout.Tokens.Length];
        for (var t = 0; t < weights.Length; t++)
            weights[t] = !sample.IsTrained(truncated) || sample.Kept?[t] == false
                ? 0
                : (sample.TokenAdvantages?[t] ?? sample.Advantage) * (sample.Corrections?[t] ?? 1);
        return weights;
    }
}
