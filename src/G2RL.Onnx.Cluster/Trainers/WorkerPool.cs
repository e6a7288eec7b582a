using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Cluster.Workers;
using G2RL.Onnx.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>A worker as the trainer knows it.</summary>
internal sealed class PoolWorker(string address, string name, IWorkerGrain grain)
{
    public string Address => address;

    public string Name => name;

    public IWorkerGrain Grain => grain;

    /// <summary>Whether its passport was looked at and found good.</summary>
    public volatile bool IsAdmitted;

    /// <summary>Whether it is never asked again.</summary>
    public volatile bool IsRefused;

    /// <summary>Whether it is asked something, and gets no work until it has answered.</summary>
    public volatile bool IsAsked;

    /// <summary>Key of the run that it is ready for; null for none.</summary>
    public string? Prepared { get; set; }

    /// <summary>Not asked before this time stamp.</summary>
    public long PausedUntil { get; set; }

    /// <summary>Failures one after the other.</summary>
    public int Failures { get; set; }

    /// <summary>Broken transfers one after the other.</summary>
    public int Broken { get; set; }
}

/// <summary>What workers are to be ready for.</summary>
/// <param name="Run">The run.</param>
/// <param name="Samplers">How it draws, JSON.</param>
/// <param name="Share">What else workers do: scores, gradients.</param>
internal sealed record WorkOrder(RunCard Run, string[] Samplers, string[] Share);

/// <summary>The workers of the cluster, looked at before they are given work, and ready for it by then.</summary>
internal sealed class WorkerPool : IDisposable
{
    private const int MostBroken = 3;
    private static readonly TimeSpan MeetLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private readonly ClusterNode node;
    private readonly DistributionConfig config;
    private readonly TimeProvider time;
    private readonly Action<string>? warn;

    // Wanted when the first worker is met; made while the model loads.
    private readonly Task<Passport> own = Task.Run(() => Passports.Remembered, CancellationToken.None);
    private readonly Lock gate = new();
    private readonly Dictionary<string, PoolWorker> known = [];
    private readonly CancellationTokenSource end = new();
    private readonly Task watching;
    private volatile WorkOrder? order;

    /// <summary>Looks for workers from now on, whether there is work or not.</summary>
    public WorkerPool(ClusterNode node, DistributionConfig config, TimeProvider time, Action<string>? warn, WorkOrder? order = null)
    {
        (this.node, this.config, this.time, this.warn, this.order) = (node, config, time, warn, order);
        watching = Task.Run(Watch);
    }

    /// <summary>Whether the workers that the configuration waits for were there, or are no longer waited for.</summary>
    public bool IsGathered { get; set; }

    /// <summary>What newcomers are made ready for; null for nothing.</summary>
    public WorkOrder? Order
    {
        get => order;
        set
        {
            order = value;
            // Those that are here begin at once.
            _ = Usable();
        }
    }

    /// <summary>Workers that are members now, good and ready for work, and not paused.</summary>
    public IReadOnlyList<PoolWorker> Usable()
    {
        var (members, wanted) = (Members(), order);
        lock (gate)
        {
            foreach (var gone in known.Keys.Where(a => !members.ContainsKey(a)).ToArray())
                known.Remove(gone);
            foreach (var (address, name) in members)
                if (!known.ContainsKey(address) && node.Services is { } services)
                {
                    var grain = services.GetRequiredService<IGrainFactory>().GetGrain<IWorkerGrain>(address);
                    var worker = known[address] = new PoolWorker(address, name, grain);
                    Start(() => Meet(worker));
                }
            var now = time.GetTimestamp();
            var good = known.Values.Where(w => w.IsAdmitted && !w.IsRefused && !w.IsAsked && w.PausedUntil <= now).ToArray();
            foreach (var worker in good.Where(w => wanted is not null && w.Prepared != wanted.Run.Key))
            {
                worker.IsAsked = true;
                Start(() => Prepare(worker, wanted!));
            }
            return [.. good.Where(w => !w.IsAsked)];
        }
    }

    /// <summary>Whether somebody loads the model just now.</summary>
    public bool IsAwaited()
    {
        lock (gate)
            return known.Values.Any(w => w.IsAsked && !w.IsRefused && w.Prepared != order?.Run.Key);
    }

    /// <summary>Whether a worker is still a member.</summary>
    public bool IsMember(PoolWorker worker)
    {
        lock (gate)
            return known.TryGetValue(worker.Address, out var same) && ReferenceEquals(same, worker);
    }

    /// <summary>Whether somebody is or may soon be of use.</summary>
    public bool HasHope()
    {
        lock (gate)
            return known.Values.Any(w => !w.IsRefused);
    }

    /// <summary>Leaves a worker alone for a while after a failure, longer after each.</summary>
    public void Pause(PoolWorker worker)
    {
        lock (gate)
        {
            var wait = TimeSpan.FromMilliseconds(Math.Min(5000, 100 << Math.Min(worker.Failures++, 6)));
            worker.PausedUntil = time.GetTimestamp() + (long)(wait.TotalSeconds * time.TimestampFrequency);
        }
    }

    /// <summary>Something arrived broken: once may happen to anybody.</summary>
    public void Distrust(PoolWorker worker, string why)
    {
        if (++worker.Broken >= MostBroken)
            Refuse(worker, $"{MostBroken} transfers one after the other were broken: {why}");
        else
            warn?.Invoke($"{worker.Name}: {why} The piece is done again.");
    }

    /// <summary>Never asks a worker again.</summary>
    public void Refuse(PoolWorker worker, string why)
    {
        worker.IsRefused = true;
        warn?.Invoke($"{worker.Name} is not asked any more: {why}");
    }

    /// <summary>It leaves, as it said itself.</summary>
    public static void Retire(PoolWorker worker) => worker.IsRefused = true;

    /// <summary>It took longer than others would have: it gets work again when it has answered to something that takes no time.</summary>
    public void Doubt(PoolWorker worker)
    {
        lock (gate)
        {
            if (worker.IsAsked)
                return;
            worker.IsAsked = true;
        }
        Start(() => Ask(worker));
    }

    /// <summary>It did a piece.</summary>
    public void Praise(PoolWorker worker)
    {
        lock (gate)
            (worker.Failures, worker.Broken) = (0, 0);
    }

    /// <summary>Waits until nothing computes any more.</summary>
    public void Dispose()
    {
        end.Cancel();
        Task.WhenAll(own, watching).GetAwaiter().GetResult();
        end.Dispose();
    }

    // So that who comes between two works is ready for the next one.
    private async Task Watch()
    {
        while (!end.IsCancellationRequested)
        {
            try
            {
                _ = Usable();
            }
            catch (ObjectDisposedException)
            {
                // This member joins again.
            }
            await Task.Delay(Look, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Whoever looks, its spans have nothing to do with these.
    private static void Start(Func<Task> work)
    {
        using (ExecutionContext.SuppressFlow())
            _ = Task.Run(work);
    }

    private Dictionary<string, string> Members()
    {
        try
        {
            return node.Services?.GetRequiredService<IClusterMembershipService>().CurrentSnapshot.Members.Values
                .Where(m => m.Status == SiloStatus.Active && m.Name.StartsWith(WorkerHost.Prefix, StringComparison.Ordinal))
                .ToDictionary(m => m.SiloAddress.ToParsableString(), m => m.Name) ?? [];
        }
        catch (ObjectDisposedException)
        {
            // This member joins again.
            return [];
        }
    }

    private async Task Meet(PoolWorker worker)
    {
        try
        {
            var passport = await worker.Grain.Meet().WaitAsync(MeetLimit, time);
            var differences = (await own).Differences(passport).ToArray();
            var refused = differences.Where(d => !config.Allow.Contains(d.Name)).ToArray();
            foreach (var (name, here, there) in differences.Except(refused))
                warn?.Invoke($"{worker.Name} has another {name} ({there}, here {here}), which distribution.allow lets pass: results now "
                    + "depend on who computes what");
            if (refused.Length == 0)
                worker.IsAdmitted = true;
            else
                Refuse(worker, $"{string.Join("; ", refused.Select(d => $"its {d.Name} is {d.There}, here it is {d.Here}"))}. "
                    + "It may compute other bits. Give it the same program on the same kind of processor, or allow it by "
                    + $"distribution.allow=[{string.Join(',', refused.Select(d => $"\"{d.Name}\""))}], which gives up that results do not "
                    + "depend on who computes");
        }
        catch (Exception e) when (e is TimeoutException or OrleansException or OperationCanceledException or ObjectDisposedException)
        {
            // It is asked again when it is looked for again.
            await Task.Delay(500);
            lock (gate)
                known.Remove(worker.Address);
        }
    }

    private async Task Prepare(PoolWorker worker, WorkOrder wanted)
    {
        try
        {
            var fault = await worker.Grain.Prepare(wanted.Run, wanted.Samplers, wanted.Share, end.Token)
                .WaitAsync(TimeSpan.FromSeconds(config.PieceSeconds), time, end.Token);
            if (fault is { Kind: FaultKind.Leaving })
                Retire(worker);
            else if (fault is not null)
                Refuse(worker, fault.Message);
            lock (gate)
                worker.Prepared = wanted.Run.Key;
        }
        catch (Exception e) when (e is TimeoutException or OrleansException or OperationCanceledException or ObjectDisposedException)
        {
            Pause(worker);
        }
        finally
        {
            worker.IsAsked = false;
        }
    }

    private async Task Ask(PoolWorker worker)
    {
        while (IsMember(worker) && !end.IsCancellationRequested)
            try
            {
                await worker.Grain.Meet().WaitAsync(AnswerLimit, time, end.Token);
                break;
            }
            catch (Exception e) when (e is TimeoutException or OrleansException or OperationCanceledException or ObjectDisposedException)
            {
                await Task.Delay(Look, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        worker.IsAsked = false;
    }
}
