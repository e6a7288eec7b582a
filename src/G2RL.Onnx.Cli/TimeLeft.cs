using System.Diagnostics;

namespace G2RL.Onnx.Cli;

/// <summary>How long work still takes, by the pace of its last seconds: the first ones load, compile and warm up.</summary>
internal sealed class TimeLeft
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    private readonly Queue<(long Time, double Share)> seen = new();

    /// <summary>Counts from here.</summary>
    public void StartAt(double share, long time)
    {
        seen.Clear();
        seen.Enqueue((time, share));
    }

    /// <summary>The time left when a share in [0, 1] is done; null while too little was seen to say.</summary>
    public TimeSpan? At(double share, long time)
    {
        if (seen.Count == 0 || share < seen.Last().Share)
            StartAt(share, time);
        // A point a quarter of a second is enough, and a window stays short.
        if (Stopwatch.GetElapsedTime(seen.Last().Time, time) > Least / 4)
            seen.Enqueue((time, share));
        while (seen.Count > 2 && Stopwatch.GetElapsedTime(seen.ElementAt(1).Time, time) > Window)
            seen.Dequeue();
        var (since, from) = seen.Peek();
        var elapsed = Stopwatch.GetElapsedTime(since, time);
        return elapsed < Least || share <= from || share >= 1 ? null : elapsed * ((1 - share) / (share - from));
    }
}
