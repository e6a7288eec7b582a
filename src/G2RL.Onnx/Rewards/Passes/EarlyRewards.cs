using System.Diagnostics;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Rewards.Passes;

/// <summary>
/// Rewards that others compute are asked for while rollouts are still drawn: of the groups that have ended, in the order of the problems,
/// so that a reward sees the same completions in the same order as if it had waited. What fails is told when the draw is done.
/// </summary>
internal sealed class EarlyRewards : IDisposable
{
    private readonly RewardPass pass;
    private readonly IReadOnlyList<Problem> asked;
    private readonly CancellationTokenSource stop;
    private readonly Rollout[]?[] ended;
    private readonly List<RewardResult> results = [];
    private readonly Task work;
    private readonly object gate = new();
    private bool drawn;
    private long? started;
    private TimeSpan busy;

    /// <summary>Begins to wait for groups.</summary>
    /// <param name="pass">The rewards.</param>
    /// <param name="asked">The step's problems [B].</param>
    /// <param name="cancel">Stops between completions.</param>
    public EarlyRewards(RewardPass pass, IReadOnlyList<Problem> asked, CancellationToken cancel)
    {
        (this.pass, this.asked, ended) = (pass, asked, new Rollout[asked.Count][]);
        stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        work = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Seconds of asking that the draw hid.</summary>
    public double HiddenSeconds { get; private set; }

    /// <summary>A group has all its rollouts. From any thread.</summary>
    public void Ended(int problem, Rollout[] rollouts)
    {
        lock (gate)
        {
            ended[problem] = rollouts;
            Monitor.Pulse(gate);
        }
    }

    /// <summary>Waits for the rest.</summary>
    /// <param name="groups">All rollouts [B][G].</param>
    /// <param name="progress">Told of a reward and how many completions it has done.</param>
    /// <returns>The results, group by group.</returns>
    /// <exception cref="InputException">More completions failed than a reward allows.</exception>
    public RewardResult[] Finish(Rollout[][] groups, Action<string, int> progress)
    {
        pass.Progress = progress;
        lock (gate)
        {
            groups.CopyTo(ended, 0);
            drawn = true;
            HiddenSeconds = (busy + (started is { } since ? Stopwatch.GetElapsedTime(since) : default)).TotalSeconds;
            Monitor.Pulse(gate);
        }
        work.GetAwaiter().GetResult();
        return [.. results];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stop.Cancel();
        lock (gate)
        {
            drawn = true;
            Monitor.Pulse(gate);
        }
        // What failed here was told by Finish; before that the draw failed, and that is what is told.
        ((IAsyncResult)work).AsyncWaitHandle.WaitOne();
        _ = work.Exception;
        stop.Dispose();
    }

    private void Work()
    {
        for (var next = 0; next < ended.Length;)
        {
            Completion[] ready;
            lock (gate)
            {
                while (ended[next] is null && !drawn)
                    Monitor.Wait(gate);
                var first = next;
                while (next < ended.Length && ended[next] is not null)
                    next++;
                if (next == first)
                    return;
                started = Stopwatch.GetTimestamp();
                ready = [.. Enumerable.Range(first, next - first).SelectMany(p => Completions(asked[p], ended[p]!))];
            }
            results.AddRange(pass.Score(ready, stop.Token));
            lock (gate)
                (busy, started) = (busy + Stopwatch.GetElapsedTime(started!.Value), null);
        }
    }

    /// <summary>What rewards see of a group.</summary>
    public static IEnumerable<Completion> Completions(Problem problem, Rollout[] rollouts) =>
        rollouts.Select(r => new Completion(problem, r.Text, r.Tokens, r.Finished));
}
