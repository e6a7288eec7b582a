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

    private readonly SemaphoreSlim turn = new(1);
    private readonly CancellationTokenSource leaving = new();
    private readonly CancellationTokenSource over = new();
    private WorkerModel? model;

    /// <summary>Pieces done.</summary>
    public long Done { get; private set; }

    /// <summary>Whether it takes work.</summary>
    public bool IsOpen => !leaving.IsCancellationRequested;

    /// <summary>Takes nothing more: what waits is handed back, what is at work ends, or is handed back when its time is over.</summary>
    /// <param name="limit">Its time.</param>
    public async Task Drain(TimeSpan limit)
    {
        await leaving.CancelAsync();
        var isIdle = await turn.WaitAsync(limit);
        if (!isIdle)
        {
            await over.CancelAsync();
            isIdle = await turn.WaitAsync(TimeSpan.FromSeconds(5));
        }
        if (isIdle)
            turn.Release();
    }

    /// <summary>Does a piece with the weights that it names; a failure becomes a fault that keeps its meaning.</summary>
    public async Task<(T? Result, ReplyHead Head)> Do<T>(
        RunCard run,
        WeightsCard? weights,
        WeightTransfers transfer,
        Func<WorkerModel, CancellationToken, T> work,
        CancellationToken cancel)
        where T : class
    {
        if (!await TakesTurn(cancel))
            return (null, Failed(FaultKind.Leaving, Gone));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, over.Token);
        using var activity = WorkTrace.Begin("work", run.Key);
        try
        {
            var (fetched, fetchMs, began) = (0L, 0d, Stopwatch.GetTimestamp());
            // Hours of arithmetic do not belong on a grain's turn: the cluster's probes share its threads.
            var (result, head) = await Task.Factory.StartNew(async () =>
            {
                if (model?.Key != run.Key)
                {
                    model?.Dispose();
                    model = null;
                    model = new WorkerModel(run, settings, open);
                }
                if (weights is not null)
                    fetched = await model.Use(weights, transfer);
                fetchMs = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                began = Stopwatch.GetTimestamp();
                // A fetch goes on wherever it ended; the work gets a thread again.
                var made = await Task.Factory.StartNew(
                    () => work(model, stop.Token),
                    stop.Token,
                    TaskCreationOptions.LongRunning,
                    TaskScheduler.Default);
                var workMs = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                return (made, new ReplyHead(model.ContentOf(weights), null, fetched, fetchMs, workMs));
            }, stop.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
            Done++;
            return (result, head);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            return (null, Failed(FaultKind.Leaving, Gone));
        }
        catch (NonFiniteException e)
        {
            return (null, Failed(FaultKind.NonFinite, e.Message));
        }
        catch (Exception e) when (e is TransferException)
        {
            return (null, Failed(FaultKind.Transfer, e.Message));
        }
#pragma warning disable CA1031 // whatever else goes wrong here is told to the trainer, which decides
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return (null, Failed(FaultKind.Worker, e is InputException ? e.Message : e.ToString()));
        }
#pragma warning restore CA1031
        finally
        {
            turn.Release();
        }
    }

    /// <summary>The model of now, for what can be asked while a piece is at work; null where there is none.</summary>
    public WorkerModel? Model => model;

    /// <summary>Does work that needs no model of this worker's.</summary>
    public async Task<Fault?> Apart(Action<CancellationToken> work, CancellationToken cancel)
    {
        if (!await TakesTurn(cancel))
            return new(FaultKind.Leaving, Gone);
        // A run saves and ends at once: another worker goes on with it.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, leaving.Token);
        try
        {
            await Task.Factory.StartNew(() => work(stop.Token), stop.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            Done++;
            return null;
        }
        catch (OperationCanceledException) when (leaving.IsCancellationRequested)
        {
            return new(FaultKind.Leaving, Gone);
        }
        catch (NonFiniteException e)
        {
            return new(FaultKind.NonFinite, e.Message);
        }
#pragma warning disable CA1031 // told to the trainer, which decides
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new(FaultKind.Worker, e is InputException ? e.Message : e.ToString());
        }
#pragma warning restore CA1031
        finally
        {
            turn.Release();
        }
    }

    public void Dispose()
    {
        turn.Wait();
        model?.Dispose();
        turn.Dispose();
        leaving.Dispose();
        over.Dispose();
    }

    // False where this worker is told to stop before the turn comes.
    private async Task<bool> TakesTurn(CancellationToken cancel)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, leaving.Token);
        try
        {
            await turn.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (leaving.IsCancellationRequested)
        {
            return false;
        }
        if (IsOpen)
            return true;
        turn.Release();
        return false;
    }

    private static ReplyHead Failed(FaultKind kind, string message) => new("", new(kind, message), 0, 0, 0);
}
