using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Training.Lagging;

/// <summary>
/// Draws every step's rollouts with the weights of k steps before. Where others draw, a batch may be begun as soon as its weights are
/// there, while steps before it are still trained on; which weights draw it, and so its bytes, do not depend on that.
/// </summary>
internal sealed class LaggedRollouts : IRolloutSource
{
    private readonly LaggedPolicy lagged;
    private readonly Dictionary<Policy, IRolloutSource> sources;
    private readonly Dictionary<int, Ahead> begun = [];
    private readonly CancellationTokenSource end = new();

    /// <summary>Opens who draws.</summary>
    /// <param name="lagged">Which weights draw a step.</param>
    /// <param name="drawers">All that may.</param>
    /// <param name="open">Opens a source for one of them.</param>
    public LaggedRollouts(LaggedPolicy lagged, IEnumerable<Policy> drawers, Func<Policy, IRolloutSource> open)
    {
        this.lagged = lagged;
        sources = drawers.ToDictionary(p => p, open);
    }

    /// <inheritdoc/>
    public SamplerPlan Plan => sources.Values.First().Plan;

    /// <inheritdoc/>
    public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
    {
        if (begun.TryGetValue(request.Step, out var ahead) && ahead.Request.Seed == request.Seed)
        {
            begun.Remove(request.Step);
            ahead.Listen(request.GroupEnded);
            return ahead.Work!.WaitAsync(cancel).GetAwaiter().GetResult();
        }
        return sources[lagged.Drawer(request.Step)].Draw(request, progress, cancel);
    }

    /// <summary>Begins a draw whose weights are there.</summary>
    /// <param name="request">What <see cref="Draw"/> will be asked for.</param>
    /// <param name="cancel">Stops it.</param>
    public void Begin(DrawRequest request, CancellationToken cancel)
    {
        var source = sources[lagged.Drawer(request.Step)];
        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, end.Token);
        var ahead = begun[request.Step] = new(request, cancel);
        ahead.Work = Task.Run(
            () =>
            {
                using (stop)
                    return source.Draw(request with { GroupEnded = ahead.Ended }, progress: null, stop.Token);
            },
            CancellationToken.None);
    }

    /// <summary>
    /// Whether a step's draw was begun. One that was cancelled is waited for and forgotten, so that it can be begun anew.
    /// </summary>
    public bool HasBegun(int step)
    {
        if (!begun.TryGetValue(step, out var ahead))
            return false;
        if (!ahead.Cancel.IsCancellationRequested)
            return true;
        Wait(ahead);
        return ahead.Work!.IsCompletedSuccessfully || !begun.Remove(step);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        end.Cancel();
        foreach (var ahead in begun.Values)
            Wait(ahead);
        foreach (var source in sources.Values)
            source.Dispose();
        end.Dispose();
    }

    // Whatever it ended with.
    private static void Wait(Ahead ahead) => ((IAsyncResult)ahead.Work!).AsyncWaitHandle.WaitOne();

    // A draw that was begun before anybody asked for it: who does then is told at once of the groups that have ended by then.
    private sealed class Ahead(DrawRequest request, CancellationToken cancel)
    {
        private readonly Lock gate = new();
        private readonly List<(int Prompt, Rollout[] Rollouts)> ended = [];
        private Action<int, Rollout[]>? listener;

        public DrawRequest Request => request;

        public CancellationToken Cancel => cancel;

        public Task<DrawnRollouts>? Work { get; set; }

        public void Ended(int prompt, Rollout[] rollouts)
        {
            lock (gate)
                if (listener is { } tell)
                    tell(prompt, rollouts);
                else
                    ended.Add((prompt, rollouts));
        }

        public void Listen(Action<int, Rollout[]>? tell)
        {
            lock (gate)
            {
                if (tell is not null)
                    ended.ForEach(e => tell(e.Prompt, e.Rollouts));
                ended.Clear();
                listener = tell;
            }
        }
    }
}
