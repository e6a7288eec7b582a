using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rewards.Passes;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>Phase 2, reward: rollouts to scored groups, by the rewards of the run; those that teach nothing may be drawn anew.</summary>
/// <param name="rewards">The rewards.</param>
/// <param name="drawing">Who draws anew.</param>
/// <param name="problems">Where other problems come from.</param>
/// <param name="config">Rounds of drawing anew, and the run's seed.</param>
/// <param name="events">Told of rewards that take their time, and of completions that could not be judged.</param>
internal sealed class Judging(RewardSet rewards, Drawing drawing, IProblemSet problems, RunConfig config, TrainingEvents events)
{
    /// <summary>Asks for rewards while a step's rollouts are drawn, where others compute them; else null.</summary>
    public EarlyRewards? Begin(Step step, IReadOnlyList<Problem> asked) => rewards.AreElsewhere
        ? new(rewards.Begin(asked.Count * config.Sampling.GroupSize), asked, step.Cancel)
        : null;

    /// <summary>Judges what was drawn for a step.</summary>
    /// <param name="step">The step; receives metrics of rewards and responses.</param>
    /// <param name="asked">Its problems [B].</param>
    /// <param name="drawn">Their rollouts [B][G].</param>
    /// <param name="early">What <see cref="Begin"/> gave.</param>
    /// <returns>The groups to learn from, and all that were drawn: the first ones, then those of each round.</returns>
    /// <exception cref="InputException">More completions failed than a reward allows.</exception>
    public (ScoredGroup[] Groups, ScoredGroup[] Drawn) Run(
        Step step,
        IReadOnlyList<Problem> asked,
        Rollout[][] drawn,
        EarlyRewards? early = null)
    {
        var groups = Score(step, asked, drawn, step.Metrics, early);
        if (early is not null)
            step.Metrics.Set("time/reward_while_sampling_s", early.HiddenSeconds);
        ScoredGroup[] first = [.. groups];
        RolloutMetrics.Report(step.Metrics, groups, step.Clock.Seconds("sample"));
        foreach (var group in groups)
            foreach (var outcome in group.Outcomes.Where(o => o.Message is not null).Take(1))
                events.Warning?.Invoke($"step {step.Number}, {group.Group.Problem.Id}: {outcome.Kind}: {outcome.Message}");
        step.Clock.Lap("reward");
        var anew = DynamicSampling.Run(
            groups,
            step.Index,
            config,
            problems,
            (others, seed) => Score(step, others, drawing.Again(step, others, seed)),
            step.Metrics,
            group => drawing.GiveBack(group.Group.Rollouts));
        if (config.Sampling.ResampleRounds > 0)
            step.Clock.Lap("resample");
        return (groups, [.. first, .. anew]);
    }

    /// <summary>Judges all completions together, so that a reward that asks elsewhere may ask for several at once.</summary>
    public ScoredGroup[] Score(
        Step step,
        IReadOnlyList<Problem> asked,
        Rollout[][] drawn,
        StepMetrics? metrics = null,
        EarlyRewards? early = null)
    {
        var total = drawn.Sum(group => group.Length);
        void Progress(string label, int done) => events.Progress?.Invoke($"reward {label}", done, total);
        var results = early is null
            ? rewards.Score([.. asked.SelectMany((p, i) => EarlyRewards.Completions(p, drawn[i]))], Progress, step.Cancel)
            : early.Finish(drawn, Progress);
        if (metrics is not null && !rewards.IsCheckerAlone)
            Report(metrics, results);
        var (groups, next) = (new ScoredGroup[drawn.Length], 0);
        for (var i = 0; i < groups.Length; i++)
        {
            var own = results[next..(next += drawn[i].Length)];
            groups[i] = new ScoredGroup(
                new RolloutGroup(asked[i], drawn[i]),
                [.. own.Select(r => r.Outcome)],
                [.. own.Select(r => r.Verdict)],
                rewards.IsCheckerAlone ? null : new RewardParts(rewards.Labels, rewards.Weights, [.. own.Select(r => r.Parts)]));
        }
        return groups;
    }

    private void Report(StepMetrics metrics, RewardResult[] results)
    {
        var labels = rewards.Labels;
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
