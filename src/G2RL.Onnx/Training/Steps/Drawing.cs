using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Training.Steps;

/// <summary>Phase 1, sample: G completions of each problem from the current policy.</summary>
/// <param name="source">Who draws.</param>
/// <param name="encode">A problem's prompt as token ids.</param>
/// <param name="config">Group size and the run's seed.</param>
/// <param name="features">Where the sampler accumulates feature weights; null accumulates none.</param>
/// <param name="events">Told how many rollouts have ended.</param>
internal sealed class Drawing(
    IRolloutSource source,
    Func<Problem, int[]> encode,
    RunConfig config,
    FeatureBuffers? features,
    TrainingEvents events)
{
    /// <summary>The largest |logit| of the step so far: the scale of rounding differences between sessions.</summary>
    public float LargestLogit { get; private set; }

    /// <summary>Draws the rollouts that a step begins with, [problem][sample].</summary>
    /// <param name="step">The step.</param>
    /// <param name="problems">Its problems.</param>
    /// <param name="ended">Told of groups that have ended; null asks nobody.</param>
    public Rollout[][] Run(Step step, IReadOnlyList<Problem> problems, Action<int, Rollout[]>? ended = null)
    {
        LargestLogit = 0;
        var drawn = Draw(step, problems, Seeds.Derive(config.Seed, Seeds.Purpose.Sampling), "sample", isFirst: true, ended);
        step.Clock.Lap("sample");
        return drawn;
    }

    /// <summary>Draws rollouts of further problems for the same step, under a seed of their own; features drawn before are kept.</summary>
    public Rollout[][] Again(Step step, IReadOnlyList<Problem> problems, ulong seed) =>
        Draw(step, problems, seed, "resample", isFirst: false, ended: null);

    /// <summary>Gives the feature weights of rollouts that nobody will learn from to the next ones.</summary>
    public void GiveBack(IEnumerable<Rollout> rollouts)
    {
        foreach (var rollout in rollouts)
            if (rollout.FeatureWeights is { } weights)
                features?.Return(weights);
    }

    /// <summary>What a step's first draw will ask for.</summary>
    public DrawRequest Request(int step, IReadOnlyList<Problem> problems) =>
        Request(step, problems, Seeds.Derive(config.Seed, Seeds.Purpose.Sampling), isFirst: true);

    private DrawRequest Request(int step, IReadOnlyList<Problem> problems, ulong seed, bool isFirst) => new(
        [.. problems.Select(encode)],
        config.Sampling.GroupSize,
        seed,
        step,
        WithFeatures: features is not null,
        KeepsFeatures: !isFirst)
    {
        Buffers = features,
    };

    private Rollout[][] Draw(
        Step step,
        IReadOnlyList<Problem> problems,
        ulong seed,
        string phase,
        bool isFirst,
        Action<int, Rollout[]>? ended)
    {
        var request = Request(step.Index, problems, seed, isFirst) with { GroupEnded = ended };
        var total = problems.Count * config.Sampling.GroupSize;
        var drawn = source.Draw(request, done => events.Progress?.Invoke(phase, done, total), step.Cancel);
        LargestLogit = Math.Max(LargestLogit, drawn.LargestLogit);
        return drawn.Rollouts;
    }
}
