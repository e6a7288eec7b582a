using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>Rollouts to scored groups, by the rewards of the run.</summary>
internal static class Judging
{
    /// <summary>Scores all completions of a step together, so that a reward that asks elsewhere may ask for several at once.</summary>
    /// <param name="rewards">The rewards.</param>
    /// <param name="problems">Problems [B].</param>
    /// <param name="drawn">Their rollouts [B][G].</param>
    /// <param name="progress">Told of rewards that take their time.</param>
    /// <param name="cancel">Stops between completions.</param>
    /// <param name="metrics">Receives mean and failures of each of several rewards; null for none.</param>
    /// <exception cref="InputException">More completions failed than a reward allows.</exception>
    public static ScoredGroup[] Run(
        RewardSet rewards,
        IReadOnlyList<Problem> problems,
        Rollout[][] drawn,
        Action<string, int, int>? progress,
        CancellationToken cancel,
        StepMetrics? metrics = null)
    {
        Completion[] completions =
            [.. problems.SelectMany((p, i) => drawn[i].Select(r => new Completion(p, r.Text, r.Tokens, r.Finished)))];
        var results = rewards.Score(completions, (label, done) => progress?.Invoke($"reward {label}", done, completions.Length), cancel);
        if (metrics is not null && !rewards.IsCheckerAlone)
            Report(metrics, rewards.Labels, results);
        var (groups, next) = (new ScoredGroup[drawn.Length], 0);
        for (var i = 0; i < groups.Length; i++)
        {
            var own = results[next..(next += drawn[i].Length)];
            groups[i] = new ScoredGroup(
                new RolloutGroup(problems[i], drawn[i]),
                [.. own.Select(r => r.Outcome)],
                [.. own.Select(r => r.Verdict)],
                rewards.IsCheckerAlone ? null : new RewardParts(rewards.Labels, rewards.Weights, [.. own.Select(r => r.Parts)]));
        }
        return groups;
    }

    private static void Report(StepMetrics metrics, IReadOnlyList<string> labels, RewardResult[] results)
    {
        for (var k = 0; k < labels.Count; k++)
        {
            var scores = results.Select(r => r.Parts[k]).Where(s => !double.IsNaN(s)).ToArray();
            if (scores.Length > 0)
                metrics.Set($"rewards/{labels[k]}_mean", scores.Average());
            foreach (var (name, kind) in new[] { ("abstain", OutcomeKind.Abstain), ("error", OutcomeKind.Error),
                ("timeout", OutcomeKind.Timeout) })
                metrics.Set($"rewards/{labels[k]}_{name}_count", results.Count(r => r.Outcomes[k].Kind == kind));
        }
    }
}
