namespace G2RL.Onnx.Problems.Prompts;

/// <summary>A set that makes its problems up, without those that do not fit: others are drawn in their places.</summary>
/// <param name="all">The set.</param>
/// <param name="fits">Whether a problem is kept.</param>
internal sealed class FittingProblems(IProblemSet all, Func<Problem, bool> fits) : IProblemSet
{
    private const int MostRounds = 1000;
    private const ulong Again = 0x4669_7474_696E_6721;

    /// <inheritdoc/>
    public string Name => all.Name;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => all.Notes;

    /// <inheritdoc/>
    /// <exception cref="InputException">No problem was found that fits.</exception>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed)
    {
        var batch = all.Batch(step, count, seed).Where(fits).ToList();
        var seen = batch.Select(p => p.Id).ToHashSet(StringComparer.Ordinal);
        for (var round = 0; batch.Count < count && round < MostRounds; round++)
            batch.AddRange(all.Batch(step, count, ProblemRandom.Stream(seed ^ Again, (ulong)round))
                .Where(p => fits(p) && seen.Add(p.Id))
                .Take(count - batch.Count));
        if (batch.Count == 0 && count > 0)
            throw new InputException($"problems.tooLong is skip, and no problem of '{Name}' was found that fits sampling.maxPromptTokens. "
                + "Raise it, or ask for shorter problems.");
        // Fewer different ones fit than a batch has: they repeat, as in a set that has no more.
        for (var i = 0; batch.Count < count; i++)
            batch.Add(batch[i]);
        return batch;
    }

    /// <inheritdoc/>
    public IReadOnlyList<Problem> HeldOut(int count) => [.. all.HeldOut(count).Where(fits)];

    /// <inheritdoc/>
    public Outcome Judge(Problem problem, string completion, bool finished) => all.Judge(problem, completion, finished);

    /// <inheritdoc/>
    public string? AnswerOf(Problem problem, string completion) => all.AnswerOf(problem, completion);

    /// <inheritdoc/>
    public string Spelling(Problem problem, string answer) => all.Spelling(problem, answer);

    /// <inheritdoc/>
    public bool IsSameAnswer(Problem problem, string left, string right) => all.IsSameAnswer(problem, left, right);
}
