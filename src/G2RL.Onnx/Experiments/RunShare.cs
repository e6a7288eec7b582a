using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Experiments;

/// <summary>The share of a run's work that is done, counted in rollouts; training on one takes about as long as drawing it.</summary>
/// <param name="config">The run's configuration.</param>
/// <param name="tell">Told the share in [0, 1] whenever it has changed.</param>
internal sealed class RunShare(RunConfig config, Action<double> tell)
{
    private readonly double ofStep = 2.0 * config.Sampling.PromptsPerStep * config.Sampling.GroupSize;
    private readonly double ofEvaluation = (double)config.Evaluation.Problems * config.Evaluation.Draws;
    private int steps;
    private int evaluations;

    /// <summary>Listens to a run before others do.</summary>
    public TrainingEvents Listen(TrainingEvents events) => events with
    {
        Started = done =>
        {
            steps = done;
            Tell(0);
        },
        Step = m =>
        {
            steps = m.Step;
            Tell(0);
            events.Step?.Invoke(m);
        },
        Evaluation = e =>
        {
            evaluations++;
            Tell(0);
            events.Evaluation?.Invoke(e);
        },
        Progress = (phase, done, of) => Tell(phase switch
        {
            "evaluate" => ofEvaluation * done / of,
            _ when phase.StartsWith("evaluate ", StringComparison.Ordinal) => ofEvaluation,
            "sample" => ofStep / 2 * done / of,
            _ => 0,
        }),
    };

    // The evaluation before is the base model's own and made once for all runs.
    private void Tell(double more) => tell(Math.Min(1, ((steps * ofStep) + (evaluations * ofEvaluation) + more) / ((config.Steps * ofStep)
        + ((1 + (config.Evaluation.Every > 0 ? (config.Steps - 1) / config.Evaluation.Every : 0)) * ofEvaluation))));
}
