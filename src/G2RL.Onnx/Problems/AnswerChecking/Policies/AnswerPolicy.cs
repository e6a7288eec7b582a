using System.Collections.Frozen;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>How the answers of one benchmark are found and compared. Immutable and safe for any number of threads.</summary>
public sealed record AnswerPolicy
{
    /// <summary>Every policy by its name.</summary>
    public static FrozenDictionary<string, AnswerPolicy> All { get; } = new AnswerPolicy[] { new() { Name = "math" } }.ToFrozenDictionary(p => p.Name);

    /// <summary>The policy of that name.</summary>
    /// <exception cref="InputException">There is none; the message lists those that there are.</exception>
    public static AnswerPolicy Named(string name) => All.TryGetValue(name, out var policy)
        ? policy
        : throw new InputException($"No answer policy is called '{name}'. There are: {string.Join(", ", All.Keys.Order())}.");

    /// <summary>Its name in <see cref="All"/>.</summary>
    public required string Name { get; init; }

    /// <summary>Most steps of work that one check may take. A step is about one operation on a small term; 200,000 take a few milliseconds.</summary>
    public int MaxSteps { get; init; } = 200_000;

    /// <summary>Finds the answer in a completion and compares it with the reference. Never throws; bounded by <see cref="MaxSteps"/>.</summary>
    /// <param name="completion">What the model wrote; null counts as empty.</param>
    /// <param name="gold">The reference answer, as its file spells it.</param>
    public CheckResult Check(string? completion, string? gold)
    {
        var found = Extract(completion);
        return new(found is null ? Verdict.Unparseable : Equivalent(found, gold ?? "") ? Verdict.Right : Verdict.Wrong, found, 1);
    }

    /// <summary>The answer in a completion, or null when there is none.</summary>
    public string? Extract(string? completion) => completion is null || Name.Length == 0 ? null : AnswerExtraction.Find(completion, AnswerPlace.Boxed, "");

    /// <summary>
    /// A spelling that equal answers mostly share (1/2, 0.5 and \frac{2}{4} do) and different answers never do; null when the answer cannot be read.
    /// Where it is not shared, <see cref="Equivalent"/> decides.
    /// </summary>
    public string? Canonical(string? answer) => string.IsNullOrWhiteSpace(answer) || Name.Length == 0 ? null : answer.Trim();

    /// <summary>Whether two answers, already extracted, are equal. Symmetric. False when either cannot be read within the budget and their spellings differ.</summary>
    public bool Equivalent(string? left, string? right) => Canonical(left) is { } a && Canonical(right) is { } b && a == b;
}
