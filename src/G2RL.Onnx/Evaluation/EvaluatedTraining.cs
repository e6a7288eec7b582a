using G2RL.Onnx.Training;

namespace G2RL.Onnx.Evaluation;

/// <summary>How a run with evaluations ended.</summary>
/// <param name="Steps">Steps done.</param>
/// <param name="Completed">False when it was cancelled; it can be resumed.</param>
/// <param name="Before">Evaluation of the model that came in, from the log when this run was resumed; null when cancelled before it
/// ended.</param>
/// <param name="After">Evaluation of the model that goes out; null when cancelled.</param>
public sealed record EvaluatedResult(int Steps, bool Completed, EvaluationResult? Before, EvaluationResult? After);

/// <summary>Training together with its evaluations on held-out problems. The trainer itself knows nothing of them.</summary>
public static class EvaluatedTraining
{
    /// <summary>Trains as <see cref="Trainer.Train"/> does, and evaluates as the configuration's <c>evaluation</c> says.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="run">The run's folder.</param>
    /// <param name="cancel">Cancels at the next safe point; the state is saved.</param>
    /// <exception cref="InputException">As of <see cref="Trainer.Train"/>; or no held-out sample could be judged.</exception>
    public static EvaluatedResult Run(this Trainer trainer, RunDirectory run, CancellationToken cancel = default)
    {
        var result = trainer.Train(run, (step, stop) => trainer.Evaluate(step, stop).ToJson(), cancel);
        return new(result.Steps, result.Completed, run.EvaluationAfter(0), result.Completed ? run.EvaluationAfter(result.Steps) : null);
    }

    /// <summary>Evaluates the current weights on held-out problems.</summary>
    /// <param name="trainer">The trainer that holds them.</param>
    /// <param name="step">Steps of training behind the weights.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    public static EvaluationResult Evaluate(this Trainer trainer, int step, CancellationToken cancel = default)
    {
        var asksRewards = trainer.Config.Evaluation.Rewards && !trainer.Rewards.IsCheckerAlone;
        var seen = new List<Rewards.Completion>();
        var result = Evaluator.Run(
            trainer.Inputs,
            trainer.Config.Evaluation,
            step,
            (done, of) => trainer.Events.Progress?.Invoke("evaluate", done, of),
            cancel,
            asksRewards ? (p, drawn) => seen.AddRange(drawn.Select(r => new Rewards.Completion(p, r.Text, r.Tokens, r.Finished))) : null,
            (done, of) => trainer.Events.Progress?.Invoke("evaluate problems judged", done, of));
        if (asksRewards)
            result = result with { Rewards = Means(trainer, seen, cancel) };
        trainer.Events.Evaluation?.Invoke(result.ToJson());
        return result;
    }

    // Means before weights, as of a step; a reward that gave no score has none.
    private static Dictionary<string, double> Means(Trainer trainer, List<Rewards.Completion> completions, CancellationToken cancel)
    {
        var rewards = trainer.Rewards;
        var results = rewards.Score(
            completions,
            (label, done) => trainer.Events.Progress?.Invoke($"evaluate reward {label}", done, completions.Count),
            cancel);
        var means = new Dictionary<string, double>(StringComparer.Ordinal);
        for (var k = 0; k < rewards.Labels.Count; k++)
            if (results.Select(r => r.Parts[k]).Where(s => !double.IsNaN(s)).ToArray() is { Length: > 0 } scores)
                means[rewards.Labels[k]] = scores.Average();
        return means;
    }

    /// <summary>Measures how the current policy's responses to held-out problems lie to each other.</summary>
    /// <param name="trainer">The trainer that holds the weights.</param>
    /// <param name="step">Steps of training behind the weights.</param>
    /// <param name="settings">What is measured.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    /// <returns>One result a temperature of p_t, the sampling temperature first.</returns>
    public static IReadOnlyList<GeometryResult> MeasureGeometry(
        this Trainer trainer,
        int step,
        GeometrySettings settings,
        CancellationToken cancel = default) =>
        GeometryMeasurement.Run(
            trainer.Inputs,
            trainer.Config,
            settings,
            step,
            (done, of) => trainer.Events.Progress?.Invoke("geometry", done, of),
            cancel);

    /// <summary>The evaluation that a run holds of its weights after a number of steps, or null when there is none.</summary>
    /// <exception cref="InputException">The row was not written by this program.</exception>
    public static EvaluationResult? EvaluationAfter(this RunDirectory run, int step) =>
        run.Evaluation(step) is { } row ? EvaluationResult.FromJson(row) : null;
}
