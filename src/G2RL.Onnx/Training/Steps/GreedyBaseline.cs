using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Training.Steps;

/// <summary>Draws the greedy response to each of a step's prompts and keeps its reward as the group's baseline.</summary>
/// <param name="source">Who draws; greedily.</param>
/// <param name="encode">A problem's prompt as token ids.</param>
/// <param name="judging">Who judges.</param>
/// <param name="events">Told how many have ended.</param>
internal sealed class GreedyBaseline(
    IRolloutSource source,
    Func<Problem, int[]> encode,
    Judging judging,
    TrainingEvents events) : IDisposable
{
    /// <summary>Bytes of its key/value cache.</summary>
    public long CacheBytes => source.Plan.CacheBytes;

    /// <summary>Fills <see cref="ScoredGroup.Baseline"/>.</summary>
    public void Run(Step step, IReadOnlyList<ScoredGroup> groups)
    {
        Problem[] problems = [.. groups.Select(g => g.Group.Problem)];
        // Nothing is random, so the seed is nobody's.
        var request = new DrawRequest([.. problems.Select(encode)], Samples: 1, Seed: 0, step.Index);
        var drawn = source.Draw(request, done => events.Progress?.Invoke("greedy", done, problems.Length), step.Cancel);
        var judged = judging.Score(step, problems, drawn.Rollouts);
        for (var i = 0; i < judged.Length; i++)
            groups[i].Baseline = judged[i].Outcomes[0] is { Kind: OutcomeKind.Score } outcome ? outcome.Score : double.NaN;
        double[] rewards = [.. groups.Select(g => g.Baseline!.Value).Where(r => !double.IsNaN(r))];
        if (rewards.Length > 0)
            step.Metrics.Set("reward/greedy_mean", rewards.Average());
        step.Clock.Lap("greedy");
    }

    public void Dispose() => source.Dispose();
}
