using System.Collections.Concurrent;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>
/// The one thread that talks to the device: ONNX Runtime keeps a state per thread and device, and the driver a current context per thread.
/// Work runs in the order in which it is handed over; a failure is the caller's.
/// </summary>
internal sealed class DeviceThread : IDisposable
{
    private readonly BlockingCollection<Action> work = [];
    private readonly Thread thread;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">For debuggers.</param>
    public DeviceThread(string name)
    {
        thread = new Thread(() =>
        {
            foreach (var action in work.GetConsumingEnumerable())
                action();
        })
        { IsBackground = true, Name = name };
        thread.Start();
    }

    /// <summary>Runs a function on the thread and returns what it gives, or throws what it throws.</summary>
    public T Invoke<T>(Func<T> function)
    {
        if (Thread.CurrentThread == thread)
            return function();
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        work.Add(() =>
        {
            try
            {
                done.SetResult(function());
            }
#pragma warning disable CA1031 // carried to the calling thread
            catch (Exception e)
            {
                done.SetException(e);
            }
#pragma warning restore CA1031
        });
        return done.Task.GetAwaiter().GetResult();
    }

    /// <summary>Runs an action on the thread.</summary>
    public void Invoke(Action action) => Invoke(() =>
    {
        action();
        return 0;
    });

    public void Dispose()
    {
        work.CompleteAdding();
        thread.Join();
        work.Dispose();
    }
}
