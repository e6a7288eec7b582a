using System.Diagnostics;

namespace G2RL.Onnx.Training.Logging;

/// <summary>Seconds of each phase of a step, as metrics.</summary>
internal sealed class PhaseClock(StepMetrics metrics)
{
    private readonly long started = Stopwatch.GetTimestamp();
    private long last = Stopwatch.GetTimestamp();

    public void Lap(string phase)
    {
        var now = Stopwatch.GetTimestamp();
        metrics.Set($"time/{phase}_s", Stopwatch.GetElapsedTime(last, now).TotalSeconds);
        last = now;
    }

    public double Seconds(string phase) => metrics.Values[$"time/{phase}_s"];

    public void Total() => metrics.Set("time/step_s", Stopwatch.GetElapsedTime(started).TotalSeconds);
}
