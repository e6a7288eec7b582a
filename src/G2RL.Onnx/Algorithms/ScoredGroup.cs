using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Algorithms;

/// <summary>The scores of several rewards.</summary>
/// <param name="Labels">Their names [K].</param>
/// <param name="Weights">What each is multiplied by in the sum [K].</param>
/// <param name="Scores">Scores before the weights of each rollout [G][K], NaN where one gave none.</param>
internal sealed record RewardParts(IReadOnlyList<string> Labels, IReadOnlyList<double> Weights, IReadOnlyList<double[]> Scores);

/// <summary>A group whose completions have been judged. Rollouts without a score are no members and are not trained on.</summary>
internal sealed class ScoredGroup
{
    /// <summary>Judgements in the order of the rollouts.</summary>
    /// <param name="group">The group.</param>
    /// <param name="outcomes">One judgement per rollout.</param>
    /// <param name="verdicts">The checker's score of each rollout, above 0 is right; null takes the scores themselves.</param>
    /// <param name="parts">Scores of each of the run's rewards; null for one reward.</param>
    public ScoredGroup(
        RolloutGroup group, IReadOnlyList<Outcome> outcomes, IReadOnlyList<double>? verdicts = null, RewardParts? parts = null)
    {
        (Group, Outcomes, Parts) = (group, outcomes, parts);
        Members = [.. Enumerable.Range(0, outcomes.Count).Where(i => outcomes[i].Kind == OutcomeKind.Score)];
        Rewards = [.. Members.Select(i => outcomes[i].Score)];
        Verdicts = [.. Members.Select(i => verdicts?[i] ?? outcomes[i].Score)];
        Shaped = [.. Rewards];
        Novelty = new double[Members.Length];
        Cosines = [];
        Advantages = new double[Members.Length];
    }

    /// <summary>The rollouts.</summary>
    public RolloutGroup Group { get; }

    /// <summary>One judgement per rollout.</summary>
    public IReadOnlyList<Outcome> Outcomes { get; }

    /// <summary>Indices of the rollouts that have a score.</summary>
    public int[] Members { get; }

    /// <summary>Base rewards of the members; never overwritten.</summary>
    public double[] Rewards { get; }

    /// <summary>What the checker says of the members: above 0 is right. Their rewards, unless a run has several.</summary>
    public double[] Verdicts { get; }

    /// <summary>Scores of each of the run's rewards; null for one reward.</summary>
    public RewardParts? Parts { get; }

    /// <summary>Shaped rewards of the members; the base rewards unless an algorithm says otherwise.</summary>
    public double[] Shaped { get; }

    /// <summary>What the shaped rewards of the members lose for their length, 0 or less; null for nothing.</summary>
    public double[]? Penalties { get; set; }

    /// <summary>nu of the members; zeros for algorithms without it.</summary>
    public double[] Novelty { get; }

    /// <summary>Cosines of the members' features [m, m]; empty for algorithms without features.</summary>
    public double[] Cosines { get; set; }

    /// <summary>Advantages of the members.</summary>
    public double[] Advantages { get; }

    /// <summary>Whether an algorithm left the group out of the loss.</summary>
    public bool Masked { get; set; }

    /// <summary>All members right, or all wrong.</summary>
    public bool IsHomogeneous => Verdicts.Length > 0 && Verdicts.All(v => v == Verdicts[0]);

    /// <summary>Reward of the greedy response to the same prompt; NaN where it could not be judged, null where none was drawn.</summary>
    public double? Baseline { get; set; }

    /// <summary>
    /// Squared norm of the gradient of each token's log-prob by its logits, of the members [m][T]; null unless an algorithm asks for it.
    /// </summary>
    public double[][]? Energies { get; set; }

    /// <summary>Advantages of the members' tokens [m][T], in place of <see cref="Advantages"/>; null where all tokens share one.</summary>
    public double[][]? TokenAdvantages { get; set; }

    /// <summary>
    /// What each of the members' tokens weighed in the loss [m][T]: advantage, times a correction, 0 where it was left out; null where all
    /// tokens of a member weighed its advantage.
    /// </summary>
    public double[][]? TokenWeights { get; set; }

    /// <summary>Feature of an expert's solution [D]; null unless an algorithm asks for it.</summary>
    public float[]? Expert { get; set; }

    /// <summary>Whether <see cref="AlgorithmConfig.HomogeneousGroups"/> leaves the group out of the loss.</summary>
    internal bool IsLeftOutBy(AlgorithmConfig config) => config.HomogeneousGroups switch
    {
        HomogeneousKind.Mask => IsHomogeneous,
        HomogeneousKind.MaskFailed => Verdicts.Length > 0 && Verdicts.All(v => v <= 0),
        _ => false,
    };
}
