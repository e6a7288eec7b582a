using System.Diagnostics;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Trainers;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>What a worker has of its own, whatever run it works for.</summary>
/// <param name="Model">Folder of the model here; null is where the trainer has it.</param>
/// <param name="Execution">Device and threads.</param>
public sealed record WorkerSettings(string? Model, ExecutionConfig Execution)
{
    /// <summary>Address and port at which a container's probes ask, see <see cref="Hosting.HealthEndpoint"/>; null for none.</summary>
    public string? Health { get; init; }

    /// <summary>For tests: called in the middle of every draw with its step.</summary>
    internal Action<int>? Midway { get; init; }

    /// <summary>For tests: what becomes of a draw's reply before it is sent.</summary>
    internal Func<DrawReply, DrawReply>? Spoil { get; init; }

    /// <summary>For tests: what this worker claims to be.</summary>
    internal Passport? Claim { get; init; }
}

/// <summary>
/// Takes pieces one at a time and keeps the model of the run that it worked for last, also while the process joins again.
/// </summary>
internal sealed class WorkerDesk(WorkerSettings settings, Func<RunConfig, IBackend> open) : IDisposable
{
    private const string Gone = "This worker was told to stop.";

    private readonly WorkThread thread = new();
    private readonly CancellationTokenSource leaving = new();
    private readonly CancellationTokenSource over = new();
    private WorkerModel? model;

    /// <summary>Pieces done.</summary>
    public long Done { get; private set; }

    /// <summary>Whether it takes work.</summary>
    public bool IsOpen => !leaving.IsCancellationRequested;

    /// <summary>The model of now, for what can be asked while a piece is at work; null where there is none.</summary>
    public WorkerModel? Model => model;

    /// <summary>Takes nothing more: what waits is handed back, what is at work ends, or is handed back when its time is over.</summary>
    /// <param name="limit">Its time.</param>
    public async Task Drain(TimeSpan limit)
    {
        await leaving.CancelAsync();
        var idle = thread.Run(() => true, CancellationToken.None);
        if (await Task.WhenAny(idle, Task.Delay(limit)) == idle)
            return;
        await over.CancelAsync();
        await Task.WhenAny(idle, Task.Delay(TimeSpan.FromSeconds(5)));
    }

    /// <summary>Has a run's model here before its first piece, and the code that works with it compiled.</summary>
    /// <param name="run">The run.</param>
    /// <param name="warm">Works a little with it.</param>
    /// <param name="cancel">Cancels it while it waits.</param>
    /// <returns>Why this worker cannot; null where it can.</returns>
    public async Task<Fault?> Prepare(RunCard run, Action<WorkerModel> warm, CancellationToken cancel)
    {
        var (_, head) = await Turn(
            _ =>
            {
                using var activity = WorkTrace.Begin("load", run.Key);
                warm(Open(run));
                return ("", new ReplyHead("", null, 0, 0, 0));
            },
            cancel);
        return head.Fault;
    }

    /// <summary>Does a piece with the weights that it names; a failure becomes a fault that keeps its meaning.</summary>
    public Task<(T? Result, ReplyHead Head)> Do<T>(
        RunCard run,
        WeightsCard? weights,
        WeightTransfers transfer,
        Func<WorkerModel, CancellationToken, T> work,
        CancellationToken cancel)
        where T : class => Turn(
            stop =>
            {
                using var activity = WorkTrace.Begin("work", run.Key);
                var began = Stopwatch.GetTimestamp();
                var own = Open(run);
                // Nothing else is done here meanwhile, so it may wait.
                var fetched = weights is null ? 0 : own.Use(weights, transfer).GetAwaiter().GetResult();
                var fetchMs = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                began = Stopwatch.GetTimestamp();
                var made = work(own, stop);
                var workMs = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                Done++;
                return (made, new ReplyHead(own.ContentOf(weights), null, fetched, fetchMs, workMs));
            },
            cancel);

    /// <summary>Does work that needs no model of this worker's.</summary>
    public async Task<Fault?> Apart(Action<CancellationToken> work, CancellationToken cancel)
    {
        var (_, head) = await Turn(
            _ =>
            {
                // A run saves and ends at once: another worker goes on with it.
                using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, leaving.Token);
                work(stop.Token);
                Done++;
                return ("", new ReplyHead("", null, 0, 0, 0));
            },
            cancel);
        return head.Fault;
    }

    public void Dispose()
    {
        thread.Dispose();
        model?.Dispose();
        leaving.Dispose();
        over.Dispose();
    }

    private WorkerModel Open(RunCard run)
    {
        if (model?.Fits(run) == true)
            return model;
        model?.Dispose();
        model = null;
        return model = new WorkerModel(run, settings, open);
    }

    private async Task<(T? Result, ReplyHead Head)> Turn<T>(
        Func<CancellationToken, (T Result, ReplyHead Head)> work,
        CancellationToken cancel)
        where T : class
    {
        if (!IsOpen)
            return (null, Failed(FaultKind.Leaving, Gone));
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancel, leaving.Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, over.Token);
        try
        {
            return await thread.Run(() => work(stop.Token), waiting.Token);
        }
        catch (OperationCanceledException) when (leaving.IsCancellationRequested)
        {
            return (null, Failed(FaultKind.Leaving, Gone));
        }
        catch (NonFiniteException e)
        {
            return (null, Failed(FaultKind.NonFinite, e.Message));
        }
        catch (TransferException e)
        {
            return (null, Failed(FaultKind.Transfer, e.Message));
        }
#pragma warning disable CA1031 // whatever else goes wrong here is told to the trainer, which decides
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return (null, Failed(FaultKind.Worker, e is InputException ? e.Message : e.ToString()));
        }
#pragma warning restore CA1031
    }

    private static ReplyHead Failed(FaultKind kind, string message) => new("", new(kind, message), 0, 0, 0);
}
