using System.Diagnostics;
using System.Reflection;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>
/// Stands at every switch of the woven assembly: notes which are passed, and from which static constructors, and ends a test that runs for
/// too long by throwing there, which costs no new process.
/// </summary>
internal sealed class Watch : IDisposable
{
    private const int Tick = 50; // milliseconds

    private readonly FieldInfo hook;
    private readonly Assembly woven;
    private readonly bool[] seen;
    private readonly Timer timer;
    private readonly Lock gate = new();
    private byte[]? hits;
    private double deadline = double.PositiveInfinity;
    private volatile bool isStopping;

    /// <summary>Nothing is noted yet.</summary>
    /// <param name="target">The class with the switch.</param>
    /// <param name="count">How many mutants there are.</param>
    public Watch(Type target, int count)
    {
        (hook, woven, seen) = (target.GetField("Watch")!, target.Assembly, new bool[count]);
        timer = new(_ => Look(), null, Tick, Tick);
    }

    /// <summary>Static constructors in which a mutant was passed first, the innermost first; null where one lies outside.</summary>
    public Dictionary<int, string[]?> Makers { get; } = [];

    /// <summary>Whether one was passed that had not been before.</summary>
    public bool IsNew { get; private set; }

    /// <summary>Notes what an action passes.</summary>
    public byte[] Note(Action action)
    {
        (hits, IsNew) = (new byte[seen.Length], false);
        Makers.Clear();
        hook.SetValue(null, (Action<int>)Pass);
        action();
        hook.SetValue(null, null);
        return hits;
    }

    /// <summary>Runs an action and stops it after some seconds of the processor.</summary>
    /// <returns>Whether it was stopped.</returns>
    public bool Limit(double seconds, Action action)
    {
        lock (gate)
            deadline = Seconds() + seconds;
        action();
        lock (gate)
            deadline = double.PositiveInfinity;
        if (!isStopping)
            return false;
        // What the test began and left behind is to end, too.
        Thread.Sleep(2 * Tick);
        hook.SetValue(null, null);
        isStopping = false;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => timer.Dispose();

    private static double Seconds() => Environment.CpuUsage.TotalTime.TotalSeconds;

    private void Look()
    {
        lock (gate)
        {
            if (isStopping || Seconds() < deadline)
                return;
            isStopping = true;
            hook.SetValue(null, (Action<int>)(_ => throw new TimeoutException("The test runs for too long.")));
        }
    }

    private void Pass(int id)
    {
        hits![id] = 1;
        if (seen[id])
            return;
        (seen[id], IsNew) = (true, true);
        var makers = new StackTrace(skipFrames: 1, fNeedFileInfo: false).GetFrames()
            .Select(f => f.GetMethod())
            .Where(m => m is ConstructorInfo { IsStatic: true })
            .Select(m => m!.DeclaringType!)
            .ToArray();
        if (makers.Length == 0)
            return;
        lock (Makers)
            Makers[id] = makers.All(t => t.Assembly == woven && !t.ContainsGenericParameters) ? [.. makers.Select(t => t.FullName!)] : null;
    }
}
