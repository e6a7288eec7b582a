using System.Globalization;

namespace G2RL.Onnx.LargeCheckpoint;

/// <summary>
/// Watches the memory that belongs to this process alone (RssAnon; pages of mapped files belong to the system's cache). Linux only.
/// </summary>
internal sealed class PrivateMemory : IDisposable
{
    private readonly Timer timer;
    private long peak;

    public PrivateMemory() => timer = new Timer(_ => Look(), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(20));

    /// <summary>The most seen so far, MiB.</summary>
    public double PeakMebibytes
    {
        get
        {
            Look();
            return Interlocked.Read(ref peak) / 1024.0;
        }
    }

    public void Dispose() => timer.Dispose();

    private void Look()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("RssAnon:", StringComparison.Ordinal));
        var now = long.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        for (var seen = Interlocked.Read(ref peak); now > seen; seen = Interlocked.Read(ref peak))
            if (Interlocked.CompareExchange(ref peak, now, seen) == seen)
                return;
    }
}
