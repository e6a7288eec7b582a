using G2RL.Onnx.Reports.Viewing;
using Microsoft.AspNetCore.Http;

namespace G2RL.Onnx.Cli.Watching;

/// <summary>Server-sent events: "change" when a log has grown, "end" when this program is about to end.</summary>
/// <param name="page">Whose state is looked at.</param>
internal sealed class RunEvents(RunPage page) : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    private readonly CancellationTokenSource ending = new();
    private int listening;

    /// <summary>Tells one page until it goes away or the program ends.</summary>
    public async Task Tell(HttpContext context)
    {
        Interlocked.Increment(ref listening);
        try
        {
            var response = context.Response;
            response.ContentType = "text/event-stream";
            async Task Say(string text)
            {
                await response.WriteAsync(text, context.RequestAborted);
                await response.Body.FlushAsync(context.RequestAborted);
            }
            await Say("retry: 2000\nevent: hello\ndata:\n\n");
            var (seen, silent) = (page.State(), TimeSpan.Zero);
            while (!ending.IsCancellationRequested)
            {
                await Task.Delay(Interval, ending.Token).ContinueWith(_ => { }, TaskScheduler.Default);
                context.RequestAborted.ThrowIfCancellationRequested();
                silent += Interval;
                if (page.State() is var now && now != seen)
                {
                    (seen, silent) = (now, TimeSpan.Zero);
                    await Say("event: change\ndata:\n\n");
                }
                else if (silent >= Heartbeat)
                {
                    silent = TimeSpan.Zero;
                    await Say(": still here\n\n");
                }
            }
            await Say("event: end\ndata:\n\n");
            // Until the page has taken the last state and closes; the server's end cuts it short.
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The page was closed.
        }
        finally
        {
            Interlocked.Decrement(ref listening);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => ending.Dispose();

    /// <summary>Tells every page that the program ends, and waits until they have gone, for a while at most.</summary>
    public void End(TimeSpan patience)
    {
        ending.Cancel();
        SpinWait.SpinUntil(() => Volatile.Read(ref listening) == 0, patience);
    }
}
