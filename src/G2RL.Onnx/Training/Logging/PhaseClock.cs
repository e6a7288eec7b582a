using System.Diagnostics;

namespace G2RL.Onnx.Training.Logging;

/// <summary>Seconds of each phase of a step, and how many cores were at work in it, as metrics.</summary>
internal sealed class PhaseClock(StepMetrics metrics)
{
    private readonly long started = Stopwatch.GetTimestamp();
    private long last = Stopwatch.GetTimestamp();
    private TimeSpan used = Used();

    /// <summary>Ends a phase.</summary>
    public void Lap(string phase)
    {
        var (now, worked) = (Stopwatch.GetTimestamp(), Used());
        var seconds = Stopwatch.GetElapsedTime(last, now).TotalSeconds;
        metrics.Set($"time/{phase}_s", seconds);
        if (seconds > 0)
            metrics.Set($"speed/{phase}_cores", (worked - used).TotalSeconds / seconds);
        (last, used) = (now, worked);
    }

    public double Seconds(string phase) => metrics.Values[$"time/{phase}_s"];

    public void Total() => metrics.Set("time/step_s", Stopwatch.GetElapsedTime(started).TotalSeconds);

    private static TimeSpan Used() => Environment.CpuUsage.TotalTime;
}
