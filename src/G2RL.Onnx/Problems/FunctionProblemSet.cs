namespace G2RL.Onnx.Problems;

/// <summary>Problems from memory, judged by a function of one's own.</summary>
public sealed class FunctionProblemSet : IProblemSet
{
    private const int MaxStrays = 16;
    private readonly IReadOnlyList<Problem> train;
    private readonly IReadOnlyList<Problem> heldOut;
    private readonly Func<Problem, string, Outcome> judge;
    private readonly TimeSpan? timeLimit;
    private readonly bool judgeUnfinished;
    private int running;

    /// <param name="name">The set's name.</param>
    /// <param name="train">Training problems, at least one; ids differ.</param>
    /// <param name="heldOut">Held-out problems; no id or prompt of the training problems.</param>
    /// <param name="judge">Judges a completion. An exception counts as <see cref="OutcomeKind.Error"/>, a score that is not finite too.
    /// With a time limit it may be called on several threads at once.</param>
    /// <param name="timeLimit">Longest time of one judgement, > 0; null for no limit. A judgement that takes longer is abandoned (its
    /// thread runs on), and after 16 such the others fail at once.</param>
    /// <param name="judgeUnfinished">False to count completions cut off by the length limit as wrong without asking
    /// <paramref name="judge"/>.</param>
    /// <exception cref="InputException">No training problems, an id twice, a prompt both trained on and held out, or a time limit that is
    /// not positive.</exception>
    public FunctionProblemSet(
        string name,
        IReadOnlyList<Problem> train,
        IReadOnlyList<Problem> heldOut,
        Func<Problem, string, Outcome> judge,
        TimeSpan? timeLimit = null,
        bool judgeUnfinished = true)
    {
        if (train.Count == 0)
            throw new InputException($"Problem set '{name}' has no training problems; it needs at least one.");
        if (timeLimit is { } limit && (limit <= TimeSpan.Zero || limit.TotalMilliseconds > int.MaxValue))
            throw new InputException($"Problem set '{name}': the time limit is {limit}; it must be positive and at most 24 days.");
        var ids = new HashSet<string>();
        foreach (var problem in train.Concat(heldOut))
            if (!ids.Add(problem.Id))
                throw new InputException($"Problem set '{name}' has two problems with the id '{problem.Id}'; ids must differ.");
        var prompts = train.Select(p => p.Prompt).ToHashSet();
        if (heldOut.FirstOrDefault(p => prompts.Contains(p.Prompt)) is { } both)
            throw new InputException($"Problem set '{name}': the prompt of held-out problem '{both.Id}' is trained on, too. "
                + "Remove it from one side.");
        (Name, this.train, this.heldOut, this.judge) = (name, [.. train], [.. heldOut], judge);
        (this.timeLimit, this.judgeUnfinished) = (timeLimit, judgeUnfinished);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Problem> Training => train;

    /// <inheritdoc/>
    public IProblemSet Without(IReadOnlySet<Problem> problems) =>
        new FunctionProblemSet(
            Name,
            [.. train.Where(p => !problems.Contains(p))],
            [.. heldOut.Where(p => !problems.Contains(p))],
            judge,
            timeLimit,
            judgeUnfinished);

    /// <inheritdoc/>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed) => Epochs.Pick(train, step, count, seed);

    /// <inheritdoc/>
    public IReadOnlyList<Problem> HeldOut(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return [.. heldOut.Take(count)];
    }

    /// <inheritdoc/>
    public Outcome Judge(Problem problem, string completion, bool finished)
    {
        if (!finished && !judgeUnfinished)
            return Outcome.Judged(correct: false, wellFormed: false);
        if (timeLimit is not { } limit)
            return Ask(problem, completion);
        if (Volatile.Read(ref running) >= MaxStrays + Environment.ProcessorCount)
            return Outcome.TimedOut($"problem set '{Name}': {running} judgements are still running; no more are started");
        Interlocked.Increment(ref running);
        // A thread of its own: a judge that never returns must not use up the pool.
        var judgement = Task.Factory.StartNew(
            () =>
            {
                try
                {
                    return Ask(problem, completion);
                }
                finally
                {
                    Interlocked.Decrement(ref running);
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return judgement.Wait(limit)
            ? judgement.Result
            : Outcome.TimedOut($"problem set '{Name}': judging problem '{problem.Id}' took longer than {limit.TotalSeconds:0.###} s");
    }

    private Outcome Ask(Problem problem, string completion)
    {
        try
        {
            var outcome = judge(problem, completion);
            return double.IsFinite(outcome.Score) ? outcome : Outcome.Scored(outcome.Score);
        }
        catch (Exception e)
        {
            return Outcome.Failed($"problem set '{Name}': judging problem '{problem.Id}' failed: {e.GetType().Name}: {e.Message}");
        }
    }
}
