using System.Diagnostics;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>
/// Pieces of one work on their way through the workers. Each worker holds a few; the first answer to a piece counts; what is lost is done
/// again, and what is slow is done a second time by a worker that has nothing else. Nothing is waited for without a limit.
/// </summary>
/// <typeparam name="TReply">What a piece gives.</typeparam>
/// <param name="pool">The workers.</param>
/// <param name="config">Limits.</param>
/// <param name="accounts">Receives the counts.</param>
/// <param name="send">Asks a worker for a piece.</param>
/// <param name="here">Does a piece in this process.</param>
/// <param name="arrived">Told of the first answer to each piece, with its number.</param>
internal sealed class PieceWork<TReply>(
    WorkerPool pool,
    DistributionConfig config,
    WorkAccounts accounts,
    Func<IWorkerGrain, int, CancellationToken, Task<TReply>> send,
    Func<int, CancellationToken, TReply> here,
    Action<int, TReply>? arrived)
    where TReply : class, IReply
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan FirstPatience = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly TReply?[] replies = new TReply?[accounts.Pieces];
    private readonly string[] by = [.. Enumerable.Repeat("", accounts.Pieces)];
    private readonly LinkedList<int> open = new(Enumerable.Range(0, accounts.Pieces));
    private readonly Dictionary<string, WorkerShare> shares = [];
    private readonly List<Flight> flights = [];
    private readonly List<TimeSpan> durations = [];
    private readonly TaskCompletionSource finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int left = accounts.Pieces;
    private int told;
    private TaskCompletionSource wake = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Has everything done.</summary>
    /// <exception cref="NonFiniteException">A number is not finite, whoever computes it.</exception>
    /// <exception cref="WorkersLostException">Nobody is left, and this process is not to do it.</exception>
    public async Task<TReply[]> Run(CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var activity = WorkTrace.Begin(accounts.Kind, accounts.Policy);
        var began = Stopwatch.GetTimestamp();
        await Gather(cancel);
        var seen = Stopwatch.GetTimestamp();
        if (left == 0)
            finished.TrySetResult();
        for (; ; )
        {
            // Taken before looking, so that nothing that happens from here on is slept through.
            var waking = Volatile.Read(ref wake).Task;
            if (finished.Task.IsCompleted || cancel.IsCancellationRequested)
                break;
            var workers = pool.Usable();
            GiveUpOnLost();
            // Who loads the model will be of use.
            if (workers.Count > 0 || pool.IsAwaited())
                seen = Stopwatch.GetTimestamp();
            if (workers.Count > 0)
            {
                // Everybody gets a piece before anybody gets a second one.
                for (var most = 1; most <= config.PiecesPerWorker; most++)
                    foreach (var worker in workers)
                        if (TryTake(worker, most) is { } flight)
                            _ = Task.Run(() => Fly(flight, stop.Token), CancellationToken.None);
            }
            else if (IsNobodyAtIt() && Stopwatch.GetElapsedTime(seen).TotalSeconds >= (pool.HasHope() ? config.AloneSeconds : 0))
                await DoOneHere(cancel);
            await Task.WhenAny(waking, finished.Task, Task.Delay(Look, CancellationToken.None));
        }
        lock (gate)
        {
            accounts.Cancelled = flights.Count;
            foreach (var late in flights.Where(f => Stopwatch.GetElapsedTime(f.Began) > Patience()))
                pool.Doubt(late.Worker);
            flights.Clear();
            accounts.Workers = by;
            accounts.Shares = [.. shares.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => s.Value)];
            left = -1;
        }
        await stop.CancelAsync();
        cancel.ThrowIfCancellationRequested();
        await finished.Task;
        accounts.Ms = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        WorkMeter.Record(accounts);
        return replies!;
    }

    // Before the first work only: a run does not wait for those that it lost.
    private async Task Gather(CancellationToken cancel)
    {
        for (var began = Stopwatch.GetTimestamp(); !pool.IsGathered; await Task.Delay(Look / 5, cancel))
            pool.IsGathered = pool.Usable().Count >= config.Workers
                || Stopwatch.GetElapsedTime(began).TotalSeconds >= config.WaitSeconds;
    }

    private bool IsNobodyAtIt()
    {
        lock (gate)
            return open.Count > 0 && flights.Count == 0;
    }

    private async Task DoOneHere(CancellationToken cancel)
    {
        if (config.WhenAlone == WhenAlone.Stop)
            throw new WorkersLostException($"No worker of the cluster '{config.ClusterId}' is left (distribution.whenAlone is stop). "
                + "Start workers with: g2rl worker, then go on with the run.");
        int piece;
        lock (gate)
        {
            piece = open.First!.Value;
            open.RemoveFirst();
        }
        var reply = await Task.Factory.StartNew(() => here(piece, cancel), cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        lock (gate)
        {
            accounts.Here++;
            Keep(piece, reply);
        }
        Tell(piece, reply);
    }

    // What a worker has that is no longer a member is lost.
    private void GiveUpOnLost()
    {
        lock (gate)
            foreach (var flight in flights.Where(f => !pool.IsMember(f.Worker)).ToArray())
                Fail(flight);
    }

    // The next piece for a worker: one that nobody has, or, for one that is idle, one that takes others too long.
    private Flight? TryTake(PoolWorker worker, int most)
    {
        lock (gate)
        {
            var own = flights.Count(f => ReferenceEquals(f.Worker, worker));
            if (left <= 0 || own >= most || worker.IsRefused)
                return null;
            int piece;
            if (open.First is { } first)
            {
                piece = first.Value;
                open.RemoveFirst();
            }
            else if (own == 0 && Slowest() is { } slow)
                piece = slow;
            else
                return null;
            var flight = new Flight(piece, worker, Stopwatch.GetTimestamp());
            flights.Add(flight);
            accounts.Sent++;
            return flight;
        }
    }

    private int? Slowest()
    {
        var patience = Patience();
        return flights.Where(f => replies[f.Piece] is null && Stopwatch.GetElapsedTime(f.Began) > patience)
            .GroupBy(f => f.Piece).Where(g => g.Count() == 1).OrderBy(g => g.First().Began).Select(g => (int?)g.Key).FirstOrDefault();
    }

    private TimeSpan Patience() =>
        durations.Count == 0 ? FirstPatience : (2 * durations.Order().ElementAt(durations.Count / 2)) + (FirstPatience / 5);

    private async Task Fly(Flight flight, CancellationToken stop)
    {
        TReply reply;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var activity = WorkTrace.Begin("piece", flight.Worker.Name);
        try
        {
            reply = await send(flight.Worker.Grain, flight.Piece, limit.Token)
                .WaitAsync(TimeSpan.FromSeconds(config.PieceSeconds), stop);
        }
#pragma warning disable CA1031 // whatever kept the answer away, the piece is done again elsewhere
        catch (Exception e)
        {
            if (stop.IsCancellationRequested)
                return;
            if (e is InvalidDataException)
                pool.Distrust(flight.Worker, e.Message);
            await limit.CancelAsync();
            pool.Pause(flight.Worker);
            lock (gate)
                Fail(flight);
            Wake();
            return;
        }
#pragma warning restore CA1031
        if (reply.Head.Fault is { } fault)
        {
            Refused(flight, fault);
            return;
        }
        pool.Praise(flight.Worker);
        var isFirst = false;
        lock (gate)
        {
            if (!flights.Remove(flight))
                return;
            durations.Add(Stopwatch.GetElapsedTime(flight.Began));
            if (replies[flight.Piece] is not null)
                accounts.Duplicates++;
            else
            {
                isFirst = true;
                accounts.First++;
                accounts.WeightBytes += reply.Head.FetchedBytes;
                accounts.WeightMs = Math.Max(accounts.WeightMs, reply.Head.FetchedBytes > 0 ? reply.Head.FetchMs : 0);
                accounts.WorkMs += reply.Head.WorkMs;
                by[flight.Piece] = flight.Worker.Name;
                var share = shares.GetValueOrDefault(flight.Worker.Name) ?? new(flight.Worker.Name, 0, 0, 0);
                shares[share.Name] = new(
                    share.Name,
                    share.Pieces + 1,
                    share.WorkMs + reply.Head.WorkMs,
                    share.WeightBytes + reply.Head.FetchedBytes);
                Keep(flight.Piece, reply);
            }
        }
        if (isFirst)
            Tell(flight.Piece, reply);
        Wake();
    }

    private void Refused(Flight flight, Fault fault)
    {
        if (fault.Kind == FaultKind.NonFinite)
            finished.TrySetException(new NonFiniteException(fault.Message));
        else if (fault.Kind == FaultKind.Leaving)
            WorkerPool.Retire(flight.Worker);
        else if (fault.Kind == FaultKind.Transfer)
        {
            pool.Distrust(flight.Worker, fault.Message);
            pool.Pause(flight.Worker);
        }
        else
            pool.Refuse(flight.Worker, fault.Message);
        lock (gate)
            Fail(flight);
        Wake();
    }

    private void Wake() =>
        Interlocked.Exchange(ref wake, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    private void Fail(Flight flight)
    {
        if (!flights.Remove(flight))
            return;
        accounts.Failures++;
        if (replies[flight.Piece] is null && flights.All(f => f.Piece != flight.Piece))
            open.AddFirst(flight.Piece);
    }

    private void Keep(int piece, TReply reply)
    {
        replies[piece] = reply;
        left--;
    }

    // The work ends when everything that arrived was taken in.
    private void Tell(int piece, TReply reply)
    {
        try
        {
            arrived?.Invoke(piece, reply);
        }
#pragma warning disable CA1031 // this may be a thread that nobody waits for: the work ends with the exception
        catch (Exception e)
        {
            finished.TrySetException(e);
        }
#pragma warning restore CA1031
        if (Interlocked.Increment(ref told) == accounts.Pieces)
            finished.TrySetResult();
    }

    private sealed record Flight(int Piece, PoolWorker Worker, long Began)
    {
        public bool Equals(Flight? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
    }
}
