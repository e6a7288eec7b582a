using System.Diagnostics;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Experiments;
using Microsoft.Extensions.DependencyInjection;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>
/// Spreads the runs of an experiment over workers, one whole run at each. A run whose worker is lost goes on at another from its last
/// checkpoint.
/// </summary>
public sealed class ClusterCells : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly DistributionConfig config;
    private readonly ClusterNode node;
    private readonly WorkerPool pool;
    private readonly Lock gate = new();
    private readonly HashSet<string> busy = [];
    private readonly SemaphoreSlim here = new(Environment.ProcessorCount);

    private readonly Action<string>? warn;

    private ClusterCells(DistributionConfig config, ClusterNode node, Action<string>? warn) =>
        (this.config, this.node, this.warn, pool) = (config, node, warn, new(node, config, TimeProvider.System, warn));

    /// <summary>Joins the cluster.</summary>
    /// <param name="run">Holds where it is.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="InputException">A cluster that cannot be joined.</exception>
    public static ClusterCells Open(RunConfig run, Action<string>? warn, CancellationToken cancel)
    {
        var shelf = new WeightShelf(run.Distribution);
        var name = $"trainer-{Environment.MachineName}-{Environment.ProcessId}";
        var joined = Task.Run(
            () => ClusterNode.Join(run.Distribution, name, s => s.AddSingleton(shelf), warn, cancel),
            CancellationToken.None).GetAwaiter().GetResult();
        return new(run.Distribution, joined, warn);
    }

    /// <summary>Has a run trained; see <see cref="CellRunner"/>.</summary>
    /// <exception cref="NonFiniteException">It diverged.</exception>
    /// <exception cref="WorkersLostException">Nobody is left, and this process is not to do it.</exception>
    public void Run(string output, ExperimentCell cell, CancellationToken cancel)
    {
        var folder = Path.GetFullPath(output);
        while (!TryRun(folder, cell, cancel))
            cancel.ThrowIfCancellationRequested();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        pool.Dispose();
        Task.Run(async () => await node.DisposeAsync()).GetAwaiter().GetResult();
        here.Dispose();
    }

    private bool TryRun(string output, ExperimentCell cell, CancellationToken cancel)
    {
        if (Idle(cancel) is not { } worker)
        {
            // As many at once as there are cores, however many wait.
            here.Wait(cancel);
            try
            {
                ExperimentRun.RunCell(output, cell.Folder, threads: 1, cancel);
                return true;
            }
            finally
            {
                here.Release();
            }
        }
        try
        {
            // A member that is gone is not waited for.
            using var lost = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var running = Task.Run(() => worker.Grain.RunCell(output, cell.Folder, lost.Token), CancellationToken.None);
            while (!running.Wait(Look, CancellationToken.None))
            {
                _ = pool.Usable();
                if (cancel.IsCancellationRequested)
                    running.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
                cancel.ThrowIfCancellationRequested();
                if (!pool.IsMember(worker))
                    return false;
            }
            switch (running.Result)
            {
                case null:
                    return true;
                case { Kind: FaultKind.NonFinite } fault:
                    throw new NonFiniteException(fault.Message);
                case { Kind: FaultKind.Leaving }:
                    WorkerPool.Retire(worker);
                    return false;
                case { } fault:
                    pool.Refuse(worker, fault.Message);
                    return false;
            }
        }
        catch (AggregateException e)
        {
            cancel.ThrowIfCancellationRequested();
            warn?.Invoke($"{worker.Name} did not end {cell}: {e.InnerException!.Message} It goes on elsewhere.");
            pool.Pause(worker);
            return false;
        }
        finally
        {
            lock (gate)
                busy.Remove(worker.Address);
        }
    }

    // Null where this process is to do it.
    private PoolWorker? Idle(CancellationToken cancel)
    {
        for (var began = Stopwatch.GetTimestamp(); ; Thread.Sleep(Look))
        {
            cancel.ThrowIfCancellationRequested();
            var usable = pool.Usable();
            lock (gate)
            {
                if (usable.FirstOrDefault(w => !busy.Contains(w.Address)) is { } idle)
                {
                    pool.IsGathered = true;
                    busy.Add(idle.Address);
                    return idle;
                }
                if (usable.Count > 0)
                    began = Stopwatch.GetTimestamp();
                else if (Stopwatch.GetElapsedTime(began).TotalSeconds >= (pool.IsGathered ? config.AloneSeconds : config.WaitSeconds))
                    return config.WhenAlone == WhenAlone.ComputeHere
                        ? null
                        : throw new WorkersLostException(
                            $"No worker of the cluster '{config.ClusterId}' is left (distribution.whenAlone is stop). "
                                + "Start workers with: g2rl worker, then the same command goes on.");
            }
        }
    }
}
