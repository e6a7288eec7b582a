using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>
/// Groups that are all right, all wrong or hardly judged teach nothing: they are drawn anew from other problems, for a bounded number of
/// rounds.
/// </summary>
/// <remarks>
/// Source: DAPO, arXiv:2503.14476, section 3.2. Those without a signal after the last round stay, so that a step ends whatever the policy
/// can do.
/// </remarks>
internal static class DynamicSampling
{
    /// <summary>Draws the rollouts of some problems under a seed and judges them.</summary>
    public delegate ScoredGroup[] Draw(IReadOnlyList<Problem> problems, ulong seed);

    /// <summary>Replaces groups without a signal, in their places.</summary>
    /// <param name="groups">The step's groups; changed.</param>
    /// <param name="step">The step.</param>
    /// <param name="config">sampling.resampleRounds and the run's seed.</param>
    /// <param name="problems">Where other problems come from.</param>
    /// <param name="draw">Draws and judges.</param>
    /// <param name="metrics">Receives how many groups were drawn anew, and how many are left without a signal.</param>
    /// <param name="dropped">Told of every group that will be replaced, before its successor is drawn; null for nobody.</param>
    /// <returns>What was drawn anew, round by round, those that were replaced again included.</returns>
    public static IReadOnlyList<ScoredGroup> Run(
        ScoredGroup[] groups,
        int step,
        RunConfig config,
        IProblemSet problems,
        Draw draw,
        StepMetrics metrics,
        Action<ScoredGroup>? dropped = null)
    {
        if (config.Sampling.ResampleRounds == 0)
            return [];
        var (redrawn, rounds) = (new List<ScoredGroup>(), 0);
        for (; rounds < config.Sampling.ResampleRounds; rounds++)
        {
            int[] empty = [.. Enumerable.Range(0, groups.Length).Where(i => !HasSignal(groups[i]))];
            if (empty.Length == 0)
                break;
            foreach (var place in empty)
                dropped?.Invoke(groups[place]);
            var seed = Seeds.Derive(config.Seed, Seeds.Purpose.Resampling, rounds);
            var fresh = draw(problems.Batch(step, empty.Length, seed), Seeds.Derive(seed, Seeds.Purpose.Sampling));
            for (var i = 0; i < empty.Length; i++)
                groups[empty[i]] = fresh[i];
            redrawn.AddRange(fresh);
        }
        metrics.Set("sampling/resample_rounds", rounds);
        metrics.Set("sampling/resampled_groups", redrawn.Count);
        metrics.Set("sampling/groups_without_signal", groups.Count(g => !HasSignal(g)));
        return redrawn;
    }

    private static bool HasSignal(ScoredGroup group) => group.Members.Length >= 2 && !group.IsHomogeneous;
}
