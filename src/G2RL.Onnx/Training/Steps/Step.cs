using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>One step on its way through the phases: its number, what is told of it, its clock. Made where the step begins.</summary>
internal sealed class Step
{
    /// <summary>Starts the clock.</summary>
    /// <param name="number">The step, counted from 0.</param>
    /// <param name="cancel">Stops it between decode steps and between batches; once weights have changed it runs to its end.</param>
    public Step(int number, CancellationToken cancel = default)
    {
        (Number, Cancel, Metrics) = (number, cancel, new(number));
        Clock = new(Metrics);
    }

    /// <summary>The step, counted from 0.</summary>
    public int Number { get; }

    /// <summary>Stops it.</summary>
    public CancellationToken Cancel { get; }

    /// <summary>Its numbers, in the order in which the phases set them.</summary>
    public StepMetrics Metrics { get; }

    /// <summary>Seconds of its phases.</summary>
    public PhaseClock Clock { get; }
}
