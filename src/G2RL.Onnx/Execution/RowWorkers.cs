using System.Runtime.ExceptionServices;

namespace G2RL.Onnx.Execution;

/// <summary>
/// Threads that share the rows of a step and sleep between steps. A row is worked on by whichever thread comes first, so what is done with
/// it must depend on the row alone. Nothing is allocated a step.
/// </summary>
internal sealed class RowWorkers : IDisposable
{
    private readonly Action<int, int> work;
    private readonly Thread[] threads;
    private readonly SemaphoreSlim begin = new(0);
    private readonly SemaphoreSlim end = new(0);
    private readonly Lock gate = new();
    private int rows;
    private int next;
    private (int Row, Exception Fault)? failure;
    private volatile bool disposed;

    /// <summary>Starts the threads.</summary>
    /// <param name="count">Threads, the calling one included, >= 1.</param>
    /// <param name="work">Gets the thread's number, from 0, and a row.</param>
    public RowWorkers(int count, Action<int, int> work)
    {
        this.work = work;
        threads = new Thread[count - 1];
        for (var i = 0; i < threads.Length; i++)
        {
            var number = i + 1;
            threads[i] = new Thread(() => Serve(number)) { IsBackground = true, Name = $"g2rl rows {number}" };
            threads[i].Start();
        }
    }

    /// <summary>Works on the rows 0 to <paramref name="count"/> - 1, and throws what the first of them threw.</summary>
    public void Run(int count)
    {
        (rows, next, failure) = (count, 0, null);
        var helpers = Math.Min(threads.Length, count - 1);
        if (helpers > 0)
            begin.Release(helpers);
        Share(0);
        for (var i = 0; i < helpers; i++)
            end.Wait();
        if (failure is { } first)
            ExceptionDispatchInfo.Throw(first.Fault);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        disposed = true;
        if (threads.Length > 0)
            begin.Release(threads.Length);
        foreach (var thread in threads)
            thread.Join();
        begin.Dispose();
        end.Dispose();
    }

    private void Serve(int thread)
    {
        while (true)
        {
            begin.Wait();
            if (disposed)
                return;
            Share(thread);
            end.Release();
        }
    }

    private void Share(int thread)
    {
        for (int row; (row = Interlocked.Increment(ref next) - 1) < rows;)
            try
            {
                work(thread, row);
            }
#pragma warning disable CA1031 // carried to the calling thread
            catch (Exception e)
            {
                lock (gate)
                    if (failure is null || row < failure.Value.Row)
                        failure = (row, e);
            }
#pragma warning restore CA1031
    }
}
