using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>One step on its way through the phases: its place, what is told of it, its clock. Made where the step begins.</summary>
internal sealed class Step
{
    /// <summary>Starts the clock.</summary>
    /// <param name="index">Steps that are done before it, >= 0: what its draws and seeds are functions of.</param>
    /// <param name="cancel">Stops it between decode steps and between batches; once weights have changed it runs to its end.</param>
    public Step(int index, CancellationToken cancel = default)
    {
        (Index, Cancel, Metrics) = (index, cancel, new(index + 1));
        Clock = new(Metrics);
    }

    /// <summary>Steps that are done before it.</summary>
    public int Index { get; }

    /// <summary>What people call it: steps that are done when it has ended.</summary>
    public int Number => Index + 1;

    /// <summary>Stops it.</summary>
    public CancellationToken Cancel { get; }

    /// <summary>Its numbers, in the order in which the phases set them.</summary>
    public StepMetrics Metrics { get; }

    /// <summary>Seconds of its phases.</summary>
    public PhaseClock Clock { get; }
}
