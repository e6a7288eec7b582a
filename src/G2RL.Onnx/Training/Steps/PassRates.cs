using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems.Curriculum;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>
/// What a curriculum remembers of a step. A step that was cancelled leaves no trace, so that it is drawn again as it was.
/// </summary>
internal static class PassRates
{
    /// <summary>Records the share of right answers of each problem, as the checker sees them, among those that were judged.</summary>
    /// <param name="curriculum">Which problems are asked.</param>
    /// <param name="groups">All that the step drew, groups that were drawn anew included. A problem that was drawn twice counts
    /// once.</param>
    /// <param name="metrics">Receives how many problems were replaced in this step and will be left out in the next.</param>
    public static void Record(PassRateFilter curriculum, IEnumerable<ScoredGroup> groups, StepMetrics metrics)
    {
        metrics.Set("curriculum/replaced", curriculum.Replaced);
        curriculum.Record(
            metrics.Step - 1,
            groups.GroupBy(g => g.Group.Problem.Id, StringComparer.Ordinal)
                .Select(g => (Problem: g.Key, Verdicts: g.SelectMany(d => d.Verdicts).ToArray()))
                .Where(g => g.Verdicts.Length > 0)
                .Select(g => (g.Problem, (double)g.Verdicts.Count(v => v > 0) / g.Verdicts.Length)));
        metrics.Set("curriculum/left_out", curriculum.LeftOut(metrics.Step));
    }
}
