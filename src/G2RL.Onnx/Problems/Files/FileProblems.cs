using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.Problems.Sources;

namespace G2RL.Onnx.Problems.Files;

/// <summary>Problems from files of rows, each with a prompt and a reference answer: JSON Lines, a JSON list, CSV, Parquet.</summary>
public sealed class FileProblems : IProblemSet
{
    private const int MaxCompletion = 1 << 20;
    private readonly FileProblemsSettings settings;
    private readonly AnswerPolicy? checker;
    private readonly List<Problem> train = [];
    private readonly List<Problem> heldOut;
    private readonly List<string> notes = [];

    /// <summary>Reads and checks the files.</summary>
    /// <param name="settings">What to read, and how to judge.</param>
    /// <param name="name">The name in <c>ProblemSets.All</c>, or of the preset.</param>
    /// <exception cref="InputException">A setting, a file or rows are wrong (with file and lines), or train and held-out prompts
    /// overlap.</exception>
    public FileProblems(FileProblemsSettings settings, string name = "jsonl")
    {
        (this.settings, Name) = (settings.Validated(), name);
        checker = settings.Checker;
        var reader = new RowReader(settings);
        if (settings.Train.Length > 0)
            train = Read(reader, settings.Train, settings.TrainRows, isTraining: true);
        if (settings.HeldOut is { } path)
        {
            heldOut = Read(reader, path, settings.HeldOutRows, isTraining: false);
            ResolveOverlap();
        }
        else
        {
            heldOut = [.. train.Where(IsSplitOff)];
            train = [.. train.Where(p => !IsSplitOff(p))];
        }

        if (heldOut.Count == 0 || (settings.Train.Length > 0 && train.Count == 0))
            throw new InputException($"{settings.Train}: {train.Count} training and {heldOut.Count} held-out problems are left; "
                + "both need at least one. Use larger files or another heldOutFraction.");
    }

    private FileProblems(FileProblems all, IReadOnlySet<Problem> without) =>
        (settings, checker, Name, train, heldOut, notes) =
            (all.settings, all.checker, all.Name, [.. all.train.Where(p => !without.Contains(p))],
                [.. all.heldOut.Where(p => !without.Contains(p))], all.notes);

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Number of training problems.</summary>
    public int TrainCount => train.Count;

    /// <summary>Number of held-out problems.</summary>
    public int HeldOutCount => heldOut.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => notes;

    /// <inheritdoc/>
    public IReadOnlyList<Problem> Training => train;

    /// <inheritdoc/>
    public IProblemSet Without(IReadOnlySet<Problem> problems) => new FileProblems(this, problems);

    /// <inheritdoc/>
    /// <exception cref="InputException">The set was given without training problems.</exception>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed) => train.Count > 0
        ? Epochs.Pick(train, step, count, seed)
        : throw new InputException($"Problem set '{Name}' has no training problems, only held-out ones. "
            + "Give problems.settings.train a file to train on.");

    /// <inheritdoc/>
    public IReadOnlyList<Problem> HeldOut(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return [.. heldOut.Take(count)];
    }

    /// <inheritdoc/>
    public Outcome Judge(Problem problem, string completion, bool finished)
    {
        if ((settings.RequireFinished && !finished) || completion is null || completion.Length > MaxCompletion)
            return Outcome.Judged(correct: false, wellFormed: false);
        if (Checker(problem) is { } policy)
        {
            var result = policy.Check(completion, problem.Answer);
            return Outcome.Judged(result.IsRight, result.Verdict is Verdict.Right or Verdict.Wrong);
        }
        // An empty reference comes only from prompts that ask for nothing.
        if (completion.Length == 0)
            return Outcome.Judged(problem.Answer.Length == 0, problem.Answer.Length == 0);
        if (AnswerExtraction.Find(completion, settings.Answer, settings.Marker) is not { } answer)
            return Outcome.Judged(correct: false, wellFormed: false);
        return settings.Match == AnswerMatch.Numeric
            ? Outcome.Judged(ExactNumber.Equal(answer, problem.Answer), ExactNumber.TryParse(answer, out _))
            : Outcome.Judged(IsSameText(answer, problem.Answer), answer.Length > 0);
    }

    /// <inheritdoc/>
    public string? AnswerOf(Problem problem, string completion) => completion.Length > MaxCompletion
        ? null
        : Checker(problem) is { } policy ? policy.Extract(completion) : AnswerExtraction.Find(completion, settings.Answer, settings.Marker);

    /// <inheritdoc/>
    public string Spelling(Problem problem, string answer) =>
        Checker(problem) is { } policy ? policy.Canonical(answer) ?? answer : settings.Trim ? answer.Trim() : answer;

    /// <inheritdoc/>
    public bool IsSameAnswer(Problem problem, string left, string right) =>
        Checker(problem) is { } policy ? policy.Equivalent(left, right)
        : settings.Match == AnswerMatch.Numeric ? ExactNumber.Equal(left, right) : IsSameText(left, right);

    private AnswerPolicy? Checker(Problem problem) => problem.Policy is { } own ? AnswerPolicy.Named(own) : checker;

    private bool IsSameText(string left, string right) =>
        settings.Trim ? left.AsSpan().Trim().SequenceEqual(right.AsSpan().Trim()) : left == right;

    // By the question, which may stand there twice with other options or in other words around it.
    private bool IsSplitOff(Problem problem) => ProblemRandom.Hash(problem.Question) * Math.Pow(2, -64) < settings.HeldOutFraction;

    private List<Problem> Read(RowReader reader, string path, IReadOnlyList<int> expected, bool isTraining)
    {
        var (problems, seen, faults) = (new List<Problem>(), new HashSet<string>(), new RowFaults());
        var (rows, duplicates, left) = (0, 0, new SortedDictionary<string, int>(StringComparer.Ordinal));
        foreach (var row in SourceReader.Rows(path, faults))
        {
            rows++;
            var read = faults.Guard(row, () => reader.Read(row, isTraining));
            if (read?.Problem is { } problem && !seen.Add(problem.Prompt) && (isTraining || !settings.KeepRepeated))
                duplicates++;
            else if (read?.Problem is { } fresh)
                problems.Add(fresh);
            else if (read is not null)
                left[read.LeftOut!] = left.GetValueOrDefault(read.LeftOut!) + 1;
        }

        faults.ThrowIfAny();
        if (problems.Count == 0)
            throw new InputException($"{path} holds no "
                + "problems"
                + $"{(rows > 0 ? $": all {rows} rows are left out" : "; it must hold one JSON object a line, or be another file of rows")}"
                + ".");
        if (expected.Count > 0 && !expected.Contains(rows))
            notes.Add($"{path}: {rows} rows; {Name} has {string.Join(" or ", expected)}. Is it the right file, and whole?");
        if (duplicates > 0)
            notes.Add($"{path}: {duplicates} rows repeat an earlier prompt and are left out.");
        foreach (var (why, count) in left)
            notes.Add($"{path}: {count} rows {why} and are left out.");
        return problems;
    }

    private void ResolveOverlap()
    {
        // A question may stand there twice with other options.
        var asked =
            heldOut.GroupBy(p => p.Question, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First().Id, StringComparer.Ordinal);
        var shared = train.Where(p => asked.ContainsKey(p.Question)).ToList();
        if (shared.Count == 0)
            return;
        if (settings.Overlap == Overlap.Refuse)
        {
            var examples = string.Join(", ", shared.Take(5).Select(p => $"{p.Id} = {asked[p.Question]}"));
            throw new InputException($"{shared.Count} prompts of {settings.Train} are in {settings.HeldOut} too ({examples}); "
                + "training on them would spoil the evaluation. Remove them, or set problems.settings.overlap to dropFromTraining.");
        }

        train.RemoveAll(p => asked.ContainsKey(p.Question));
        notes.Add($"{settings.Train}: {shared.Count} rows are held out in {settings.HeldOut} and are left out of training.");
    }
}
