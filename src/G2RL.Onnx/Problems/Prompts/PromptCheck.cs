namespace G2RL.Onnx.Problems.Prompts;

/// <summary>Makes tokens of every prompt that a run may draw, before it begins, so that no row ends it at the step that draws it.</summary>
/// <param name="encode">A problem's tokens; an <see cref="InputException"/> where there are none. Called from several threads.</param>
/// <param name="maxTokens">The longest prompt, sampling.maxPromptTokens.</param>
/// <param name="tooLong">What becomes of longer ones.</param>
/// <param name="threads">Threads, >= 1.</param>
/// <param name="progress">Called with (done, of), from any thread.</param>
internal sealed class PromptCheck(
    Func<Problem, int[]> encode,
    int maxTokens,
    TooLong tooLong,
    int threads,
    Action<int, int>? progress = null)
{
    private const int Examples = 5;

    // Of problems that are made up so many are looked at: the first of a long run, and all of most.
    private const int MostMadeUp = 20_000;

    /// <summary>Checks what a training run draws and evaluates on.</summary>
    /// <param name="set">The set.</param>
    /// <param name="steps">Steps of the run.</param>
    /// <param name="perStep">Problems of a step.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="heldOut">Held-out problems of an evaluation; of a list all are checked.</param>
    /// <exception cref="InputException">Prompts that are too long or cannot become tokens, all told at once; or none is left.</exception>
    public CheckedProblems Run(IProblemSet set, int steps, int perStep, ulong seed, int heldOut)
    {
        // A set that has nothing to train on says so here, in its own words, and not at the first step.
        _ = set.Batch(0, 1, seed);
        var madeUp = set.Training is null;
        var training = set.Training
            ?? [.. Enumerable.Range(0, Math.Clamp(MostMadeUp / perStep, 1, steps)).SelectMany(step => set.Batch(step, perStep, seed))];
        var evaluated = set.HeldOut(madeUp ? heldOut : int.MaxValue);
        var looks = LookAt([.. training, .. evaluated]);
        var misfits = Misfits(looks);
        var (train, held) = (Fitting(looks.Take(training.Count)), Fitting(looks.Skip(training.Count)));
        if (train.Length == 0 || (held.Length == 0 && evaluated.Count > 0))
            throw new InputException($"problems.tooLong is skip, and of {training.Count} training and {evaluated.Count} held-out problems "
                + $"{train.Length} and {held.Length} have prompts of at most sampling.maxPromptTokens ({maxTokens}) tokens; both need one. "
                + "Raise it.");
        // Of made-up problems those of the first step that fit: a run that is prolonged has the same.
        return new(
            Without(set, misfits),
            Notes(misfits, looks.Length),
            train.Length + held.Length,
            PromptLook.HashOf(madeUp ? Fitting(looks.Take(perStep)) : train),
            PromptLook.HashOf(held))
        {
            LongestPrompt = Longest([.. train, .. held]),
        };

        PromptLook[] Fitting(IEnumerable<PromptLook> some) => [.. some.Where(l => !misfits.Contains(l.Problem))];
    }

    /// <summary>Checks the held-out problems of an evaluation alone.</summary>
    /// <param name="set">The set.</param>
    /// <param name="count">How many are evaluated on.</param>
    /// <exception cref="InputException">As for a run.</exception>
    public CheckedProblems RunHeldOut(IProblemSet set, int count)
    {
        // Where some are left out, others take their places.
        var held = set.HeldOut(tooLong == TooLong.Skip && set.Training is not null ? int.MaxValue : count);
        var looks = LookAt(held);
        var misfits = Misfits(looks);
        return new(
            Without(set, misfits),
            Notes(misfits, looks.Length),
            looks.Length - misfits.Count,
            "",
            PromptLook.HashOf(looks.Where(l => !misfits.Contains(l.Problem))))
        {
            LongestPrompt = Longest(looks.Where(l => !misfits.Contains(l.Problem))),
        };
    }

    private static int? Longest(IEnumerable<PromptLook> looks) => looks.Select(l => (int?)l.Length).Max();

    private PromptLook[] LookAt(IReadOnlyList<Problem> problems)
    {
        var looks = new PromptLook[problems.Count];
        var done = 0;
        var every = Math.Max(1, problems.Count / 200);
        Parallel.For(0, looks.Length, new() { MaxDegreeOfParallelism = threads }, i =>
        {
            looks[i] = PromptLook.At(problems[i], encode);
            if (Interlocked.Increment(ref done) is var now && now % every == 0)
                progress?.Invoke(now, looks.Length);
        });
        return looks;
    }

    // What is to be left out.
    private HashSet<Problem> Misfits(PromptLook[] looks)
    {
        var faults = new List<string>();
        var broken = looks.Where(l => l.Fault is not null).ToArray();
        if (broken.Length > 0)
            faults.Add($"{broken.Length} of {looks.Length} prompts cannot become tokens. "
                + "Mend those rows, or remove "
                + $"them:{Environment.NewLine}{string.Join(Environment.NewLine, broken.Take(Examples).Select(l => $"- {l.Fault}"))}"
                + $"{More(broken.Length)}");
        var longer = looks.Where(l => l.Length > maxTokens).ToArray();
        if (longer.Length > 0 && tooLong == TooLong.Refuse)
        {
            var examples = string.Join(", ", longer.Take(Examples).Select(l => $"{l.Problem.Id} ({l.Length})"));
            faults.Add($"{longer.Length} of {looks.Length} prompts have more than sampling.maxPromptTokens ({maxTokens}) tokens: "
                + $"{examples}{More(longer.Length)}. Raise it to {longer.Max(l => l.Length)}, or set problems.tooLong to skip, which "
                + "leaves them out.");
        }
        return faults.Count == 0 ? [.. longer.Select(l => l.Problem)] : throw InputException.Of(faults);
    }

    private IProblemSet Without(IProblemSet set, HashSet<Problem> misfits) =>
        misfits.Count == 0 ? set : set.Training is null ? new FittingProblems(
            set,
            p => PromptLook.At(p, encode) is { Fault: null } look && look.Length <= maxTokens) : set.Without(misfits);

    private string[] Notes(HashSet<Problem> misfits, int of) => misfits.Count == 0
        ? []
        : [$"{misfits.Count} of {of} problems are left out (problems.tooLong is skip): "
            + $"their prompts have more than sampling.maxPromptTokens ({maxTokens}) tokens, among them "
            + $"{string.Join(", ", misfits.Take(Examples).Select(p => p.Id))}."];

    private static string More(int count) => count > Examples ? $" and {count - Examples} more" : "";
}
