using System.Diagnostics;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>What a worker has of its own, whatever run it works for.</summary>
/// <param name="Model">Folder of the model here; null is where the trainer has it.</param>
/// <param name="Execution">Device and threads.</param>
public sealed record WorkerSettings(string? Model, ExecutionConfig Execution)
{
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
    private readonly SemaphoreSlim turn = new(1);
    private WorkerModel? model;

    /// <summary>Pieces done.</summary>
    public long Done { get; private set; }

    /// <summary>Does a piece with the weights that it names; a failure becomes a fault that keeps its meaning.</summary>
    public async Task<(T? Result, ReplyHead Head)> Do<T>(
        RunCard run,
        WeightsCard? weights,
        WeightTransfers transfer,
        Func<WorkerModel, T> work,
        CancellationToken cancel)
        where T : class
    {
        await turn.WaitAsync(cancel);
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
                var made = await Task.Factory.StartNew(() => work(model), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                var workMs = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                return (made, new ReplyHead(model.ContentOf(weights), null, fetched, fetchMs, workMs));
            }, cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
            Done++;
            return (result, head);
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
    public async Task<Fault?> Apart(Action work, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            await Task.Factory.StartNew(work, cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            Done++;
            return null;
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
    }

    private static ReplyHead Failed(FaultKind kind, string message) => new("", new(kind, message), 0, 0, 0);
}
