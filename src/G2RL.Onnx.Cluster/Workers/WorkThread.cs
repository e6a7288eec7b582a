using System.Collections.Concurrent;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>
/// Does jobs one at a time, in the order in which they came, on a thread of its own: hours of arithmetic do not belong on the threads that
/// the cluster's probes share, and the next job begins at once while somebody else sends the result of the last one.
/// </summary>
internal sealed class WorkThread : IDisposable
{
    private readonly BlockingCollection<Action> jobs = [];
    private readonly Thread thread;

    public WorkThread()
    {
        thread = new(() =>
        {
            foreach (var job in jobs.GetConsumingEnumerable())
                job();
        })
        { IsBackground = true, Name = "g2rl work" };
        thread.Start();
    }

    /// <summary>Has a job done.</summary>
    /// <param name="job">The job; what it throws is the task's.</param>
    /// <param name="waiting">Gives it up while it has not begun.</param>
    /// <exception cref="InvalidOperationException">The thread is no more.</exception>
    public Task<T> Run<T>(Func<T> job, CancellationToken waiting)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var taken = 0;
        bool Take() => Interlocked.Exchange(ref taken, 1) == 0;
        var givesUp = waiting.Register(() =>
        {
            if (Take())
                done.TrySetCanceled(waiting);
        });
        // Spans and whatever else belongs to who asks.
        var context = ExecutionContext.Capture();
        void Do(object? state)
        {
            try
            {
                done.TrySetResult(job());
            }
#pragma warning disable CA1031 // the task bears it
            catch (Exception e)
            {
                done.TrySetException(e);
            }
#pragma warning restore CA1031
        }
        jobs.Add(
            () =>
            {
                givesUp.Dispose();
                if (!Take())
                    return;
                if (context is null)
                    Do(null);
                else
                    ExecutionContext.Run(context, Do, null);
            },
            CancellationToken.None);
        return done.Task;
    }

    /// <summary>Waits for the job at hand.</summary>
    public void Dispose()
    {
        jobs.CompleteAdding();
        thread.Join();
        jobs.Dispose();
    }
}
