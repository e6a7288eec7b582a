using System.Collections.Frozen;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>How the answers of one benchmark are found and compared. Immutable and safe for any number of threads.</summary>
public sealed record AnswerPolicy
{
    /// <summary>Every policy by its name.</summary>
    public static FrozenDictionary<string, AnswerPolicy> All => PolicyTable.All;

    /// <summary>Its name in <see cref="All"/>.</summary>
    public required string Name { get; init; }

    /// <summary>Where a completion's answer is looked for, in this order; the first place that holds one decides. Default the last
    /// box.</summary>
    public IReadOnlyList<AnswerSource> Sources { get; init; } = [AnswerSource.Box];

    /// <summary>Where a reference's answer is looked for. Default the last box when it has one, else the whole of it.</summary>
    public IReadOnlyList<AnswerSource> GoldSources { get; init; } = [AnswerSource.Box, AnswerSource.Whole];

    /// <summary>When answers are equal.</summary>
    public EquivalenceRules Rules { get; init; } = new();

    /// <summary>The marker of <see cref="AnswerSource.Marker"/>. Default <c>####</c>.</summary>
    public string Marker { get; init; } = "####";

    /// <summary>How many options <see cref="AnswerSource.Letter"/> chooses from, 1 to 26. Default 10.</summary>
    public int Choices { get; init; } = 10;

    /// <summary>Whether a box that the completion's end cuts off still counts. Default false.</summary>
    public bool UnclosedBoxes { get; init; }

    /// <summary>When set, only what follows the last of this tag is looked at, and a completion without it has no answer. Default
    /// null.</summary>
    public string? After { get; init; }

    /// <summary>Most steps of work that one check may take. 100,000 take some ten milliseconds at worst; an ordinary check takes a few
    /// hundred.</summary>
    public int MaxSteps { get; init; } = 100_000;

    /// <summary>The policy of that name.</summary>
    /// <exception cref="InputException">There is none; the message lists those that there are.</exception>
    public static AnswerPolicy Named(string name) => All.TryGetValue(name, out var policy)
        ? policy
        : throw new InputException($"No answer policy is called '{name}'. There are: {string.Join(", ", All.Keys.Order())}.");

    /// <summary>Finds the answer in a completion and compares it with the reference. Never throws; bounded by
    /// <see cref="MaxSteps"/>.</summary>
    /// <param name="completion">What the model wrote; null counts as empty.</param>
    /// <param name="gold">The reference answer, as its file spells it.</param>
    public CheckResult Check(string? completion, string? gold) => AnswerCheck.Run(this, completion, gold);

    /// <summary>The answer in a completion, or null when there is none.</summary>
    public string? Extract(string? completion) => AnswerCheck.Extract(this, completion);

    /// <summary>
    /// A spelling that equal answers mostly share (1/2, 0.5 and \frac{2}{4} do) and different answers never do; null when the answer is
    /// empty or over
    /// budget. Where it is not shared, <see cref="Equivalent"/> decides.
    /// </summary>
    public string? Canonical(string? answer) => AnswerCheck.Canonical(this, answer);

    /// <summary>
    /// Whether two answers, already extracted, are equal. Symmetric: an answer that equals another as reference or as answer equals it.
    /// False when
    /// either cannot be read within the budget and their spellings differ.
    /// </summary>
    public bool Equivalent(string? left, string? right) => AnswerCheck.Equivalent(this, left, right);
}
