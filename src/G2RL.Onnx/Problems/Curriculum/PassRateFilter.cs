using System.Text.Json;

namespace G2RL.Onnx.Problems.Curriculum;

/// <summary>
/// A problem set whose batches leave out problems that were lately solved always or never. Their places are taken by problems that the set
/// gives for further seeds; so a batch is a function of (seed, step, count) and of the pass rates recorded before, which a checkpoint
/// keeps.
/// </summary>
/// <param name="all">The set.</param>
/// <param name="config">The band and the window.</param>
internal sealed class PassRateFilter(IProblemSet all, PassRateConfig config) : IProblemSet
{
    private const string StateFile = "curriculum.json";
    private const ulong Stream = 0x50617373526174;
    private const int Rounds = 32;

    private readonly SortedDictionary<string, Seen> seen = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Name => all.Name;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => all.Notes;

    /// <inheritdoc/>
    public IReadOnlyList<Problem>? Training => all.Training;

    /// <summary>Places of the last batch that other problems took.</summary>
    public int Replaced { get; private set; }

    /// <summary>Problems that are left out at a step.</summary>
    public int LeftOut(int step) => seen.Values.Count(s => IsOut(s, step));

    /// <inheritdoc/>
    public IProblemSet Without(IReadOnlySet<Problem> problems) => new PassRateFilter(all.Without(problems), config);

    /// <inheritdoc/>
    /// <remarks>Where too few other problems are found, those that were left out longest fill the batch: a step is never short.</remarks>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed)
    {
        var whole = all.Batch(step, count, seed);
        var spare = whole.Where(p => IsOut(p, step)).ToList();
        Replaced = spare.Count;
        if (spare.Count == 0)
            return whole;
        var (batch, taken) = (new List<Problem>(count), new HashSet<string>(StringComparer.Ordinal));
        Take(whole);
        for (var round = 1; round < Rounds && batch.Count < count; round++)
        {
            var others = all.Batch(step, count, ProblemRandom.Stream(ProblemRandom.Stream(seed, Stream), (ulong)round));
            spare.AddRange(others.Where(p => IsOut(p, step)));
            Take(others);
        }
        Take(spare.OrderBy(p => seen[p.Id].Step).ThenBy(p => p.Id, StringComparer.Ordinal), evenOut: true);
        // A set smaller than a batch repeats itself, filtered or not.
        return [.. batch, .. whole.Take(count - batch.Count)];

        void Take(IEnumerable<Problem> problems, bool evenOut = false)
        {
            foreach (var problem in problems)
                if (batch.Count < count && (evenOut || !IsOut(problem, step)) && taken.Add(problem.Id))
                    batch.Add(problem);
        }
    }

    /// <summary>Remembers how a step's problems went, once the step is whole.</summary>
    /// <param name="step">The step.</param>
    /// <param name="rates">Problem and share of right answers among those judged.</param>
    public void Record(int step, IEnumerable<(string Id, double Rate)> rates)
    {
        foreach (var (id, rate) in rates)
            seen[id] = new(step, rate);
        foreach (var old in seen.Where(s => s.Value.Step + config.Window <= step).Select(s => s.Key).ToArray())
            seen.Remove(old);
    }

    /// <summary>Writes what is remembered into a checkpoint's folder.</summary>
    public void Save(string folder) => File.WriteAllText(Path.Combine(folder, StateFile), JsonSerializer.Serialize(seen) + "\n");

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InputException">The file is missing or something else.</exception>
    public void Load(string folder)
    {
        var path = Path.Combine(folder, StateFile);
        try
        {
            seen.Clear();
            foreach (var (id, last) in JsonSerializer.Deserialize<Dictionary<string, Seen>>(InputFile.Text(path))
                ?? throw new JsonException("it holds null"))
                seen[id] = last;
        }
        catch (JsonException e)
        {
            throw new InputException($"{path} is not what a run with problems.passRate wrote: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Problem> HeldOut(int count) => all.HeldOut(count);

    /// <inheritdoc/>
    public Outcome Judge(Problem problem, string completion, bool finished) => all.Judge(problem, completion, finished);

    /// <inheritdoc/>
    public string? AnswerOf(Problem problem, string completion) => all.AnswerOf(problem, completion);

    /// <inheritdoc/>
    public string Spelling(Problem problem, string answer) => all.Spelling(problem, answer);

    /// <inheritdoc/>
    public bool IsSameAnswer(Problem problem, string left, string right) => all.IsSameAnswer(problem, left, right);

    private bool IsOut(Problem problem, int step) => seen.TryGetValue(problem.Id, out var last) && IsOut(last, step);

    private bool IsOut(Seen last, int step) =>
        last.Step < step && step <= last.Step + config.Window && (last.Rate <= config.Low || last.Rate >= config.High);

    private readonly record struct Seen(int Step, double Rate);
}
