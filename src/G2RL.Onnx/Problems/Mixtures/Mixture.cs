namespace G2RL.Onnx.Problems.Mixtures;

/// <summary>
/// Several problem sets in one run. Of every batch each has the share of its weight: whole problems as far as the numbers go, and what is
/// left over is drawn by the weights' fractions. All is a function of (seed, step, count).
/// </summary>
public sealed class Mixture : IProblemSet
{
    /// <summary>Its name in <c>ProblemSets.All</c>.</summary>
    public const string SetName = "mixture";

    private const ulong LeftoverStream = 0x4D697874757265;
    private const int Attempts = 8;

    // A share of 0.7 of 90 is 63, and not 62.99...
    private const double Rounding = 1e-9;

    private readonly IReadOnlyList<Part> parts;
    private readonly Dictionary<string, Part> byName;

    /// <summary>Opens every source.</summary>
    /// <param name="settings">The sources.</param>
    /// <param name="create">Opens a source's set.</param>
    /// <exception cref="InputException">A setting or a source is wrong, or a problem is trained on in one and held out in
    /// another.</exception>
    public Mixture(MixtureSettings settings, Func<MixtureSource, IProblemSet> create)
        : this([.. Shares(settings.Validated()).Select(s => new Part(s.Source.Label, s.Share, create(s.Source)))]) => RefuseOverlap();

    private Mixture(IReadOnlyList<Part> parts) => (this.parts, byName) = (parts, parts.ToDictionary(p => p.Name, StringComparer.Ordinal));

    /// <inheritdoc/>
    public string Name => SetName;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => [.. parts.SelectMany(p => p.Set.Notes.Select(note => $"{p.Name}: {note}"))];

    /// <inheritdoc/>
    public IReadOnlyList<Problem>? Training =>
        parts.All(p => p.Set.Training is not null) ? [.. parts.SelectMany(p => p.Set.Training!.Select(p.Outside))] : null;

    /// <inheritdoc/>
    public IProblemSet Without(IReadOnlySet<Problem> problems) => new Mixture(
        [.. parts.Select(p =>
            problems.Where(p.Owns).Select(p.Inside).ToHashSet() is { Count: > 0 } own ? p with { Set = p.Set.Without(own) } : p)]);

    /// <inheritdoc/>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (parts.FirstOrDefault(p => p.Set.Training is { Count: 0 }) is { } bare)
            throw new InputException($"Source '{bare.Name}' of the mixture has no training problems. "
                + "Give its settings a file to train on, or remove the source.");
        var (batch, taken) = (new List<Problem>(count), new HashSet<string>(StringComparer.Ordinal));
        var whole = parts.Select(p => (int)((p.Share * count) + Rounding)).ToArray();
        for (var i = 0; i < parts.Count; i++)
            for (var k = 0; k < whole[i]; k++)
                Take(parts[i], ((long)step * whole[i]) + k, seed);
        var (left, key) = (count - whole.Sum(), ProblemRandom.Stream(LeftoverStream, (ulong)step));
        for (var j = 0; j < left; j++)
            Take(
                Leftover(count, whole, ProblemRandom.Value(seed, key, (ulong)j)),
                ((long)step * left) + j,
                ProblemRandom.Stream(seed, LeftoverStream));
        // Mini-batches are cut from a batch in order: sources must not lie in blocks.
        return [.. new ProblemRandom(seed, ProblemRandom.Stream(key, 1)).Permutation(batch.Count).Select(i => batch[i])];

        // A set's k-th problem is its batch number k of one: its epochs stay whole. Where an epoch's border or the leftovers bring a
        // problem twice, another one is asked for.
        void Take(Part part, long k, ulong own)
        {
            for (var attempt = 0; ; attempt++)
            {
                var problem = part.Outside(part.Set.Batch(
                    (int)(k % int.MaxValue),
                    1,
                    attempt == 0 ? own : ProblemRandom.Stream(own, (ulong)attempt))[0]);
                if (!taken.Add(problem.Id) && attempt < Attempts)
                    continue;
                batch.Add(problem);
                return;
            }
        }
    }

    /// <inheritdoc/>
    /// <remarks>From every source in turn, so that a small number shows all of them.</remarks>
    public IReadOnlyList<Problem> HeldOut(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var lists = parts.Select(p => p.Set.HeldOut(count).Select(p.Outside).ToArray()).ToArray();
        return [.. Enumerable.Range(0, lists.Max(l => l.Length))
            .SelectMany(i => lists.Where(l => i < l.Length).Select(l => l[i]))
            .Take(count)];
    }

    /// <inheritdoc/>
    public Outcome Judge(Problem problem, string completion, bool finished) => Of(problem) is { } part
        ? part.Set.Judge(part.Inside(problem), completion, finished)
        : Outcome.Failed($"problem '{problem.Id}' belongs to no source of the mixture");

    /// <inheritdoc/>
    public string? AnswerOf(Problem problem, string completion) =>
        Of(problem) is { } part ? part.Set.AnswerOf(part.Inside(problem), completion) : null;

    /// <inheritdoc/>
    public string Spelling(Problem problem, string answer) =>
        Of(problem) is { } part ? part.Set.Spelling(part.Inside(problem), answer) : answer;

    /// <inheritdoc/>
    public bool IsSameAnswer(Problem problem, string left, string right) =>
        Of(problem) is { } part ? part.Set.IsSameAnswer(part.Inside(problem), left, right) : left == right;

    private static IEnumerable<(MixtureSource Source, double Share)> Shares(MixtureSettings settings)
    {
        var sum = settings.Sources.Sum(s => s.Weight);
        return settings.Sources.Select(s => (s, s.Weight / sum));
    }

    private Part? Of(Problem problem) =>
        problem.Id.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash ? byName.GetValueOrDefault(problem.Id[..slash]) : null;

    private Part Leftover(int count, int[] whole, ulong random)
    {
        var fractions = parts.Select((p, i) => (p.Share * count) - whole[i]).ToArray();
        var at = (random >> 11) * (1.0 / (1UL << 53)) * fractions.Sum();
        for (var i = 0; i < parts.Count - 1; i++)
            if ((at -= fractions[i]) < 0)
                return parts[i];
        return parts[^1];
    }

    private void RefuseOverlap()
    {
        var asked = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in parts)
            foreach (var problem in part.Set.HeldOut(int.MaxValue))
                asked.TryAdd(problem.Question, $"{part.Name}/{problem.Id}");
        string[] shared = [.. parts.SelectMany(p =>
            (p.Set.Training ?? []).Where(t => asked.ContainsKey(t.Question)).Select(t => $"{p.Name}/{t.Id} = {asked[t.Question]}"))];
        if (shared.Length > 0)
            throw new InputException($"{shared.Length} training problems of the mixture are held out in another source "
                + $"({string.Join(", ", shared.Take(5))}); training on them would spoil the evaluation. Remove them from one side.");
    }

    // A source: within, its problems bear their own ids; outside, its name stands in front.
    private sealed record Part(string Name, double Share, IProblemSet Set)
    {
        public bool Owns(Problem problem) => problem.Id.StartsWith(Name + "/", StringComparison.Ordinal);

        public Problem Outside(Problem problem) => problem with { Id = $"{Name}/{problem.Id}" };

        public Problem Inside(Problem problem) => problem with { Id = problem.Id[(Name.Length + 1)..] };
    }
}
