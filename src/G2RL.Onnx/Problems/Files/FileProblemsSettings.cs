using System.Text.Json.Serialization;
using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Problems.Files;

/// <summary>When an answer counts as right.</summary>
public enum AnswerMatch
{
    /// <summary>The same text.</summary>
    Exact,

    /// <summary>The same number, exactly: 1,000 = 1e3, 1/2 = 0.5.</summary>
    Numeric,
}

/// <summary>What to do with training rows whose prompt is held out, too.</summary>
public enum Overlap
{
    /// <summary>Report the rows and stop.</summary>
    Refuse,

    /// <summary>Leave the rows out of training.</summary>
    DropFromTraining,
}

/// <summary>
/// A <see cref="FileProblems"/> set: its files, its fields, its filters and its judge. A preset is a set of defaults for it.
/// </summary>
public sealed record FileProblemsSettings
{
    /// <summary>
    /// The training problems: a file (JSON Lines, a JSON list, CSV or Parquet, the texts also with .gz), a folder of shards, or a glob.
    /// Empty for a set to evaluate on.
    /// </summary>
    public string Train { get; init; } = "";

    /// <summary>The held-out problems, likewise; null when <see cref="HeldOutFraction"/> splits the training problems.</summary>
    public string? HeldOut { get; init; }

    /// <summary>
    /// The share of the training problems to hold out, by a hash of the question, 0 to 1, both excluded; null when <see cref="HeldOut"/> is
    /// given.
    /// </summary>
    public double? HeldOutFraction { get; init; }

    /// <summary>
    /// The field that holds the prompt, a text or a list of chat turns; null takes the first of prompt, problem, question, messages that is
    /// there. A dotted name is a path.
    /// </summary>
    public string? PromptField { get; init; }

    /// <summary>
    /// The field that holds the reference answer, a text or a number; null takes the first of answer, reward_model.ground_truth,
    /// ground_truth, solution that is there, or else the assistant's last turn. A dotted name is a path.
    /// </summary>
    public string? AnswerField { get; init; }

    /// <summary>
    /// The field with an expert's solution, which gar compares with; null takes solution, where it is there, or an answer's field with
    /// <see cref="ReferenceMarker"/> in it. A dotted name is a path.
    /// </summary>
    public string? SolutionField { get; init; }

    /// <summary>The prompt given to the model; <c>{prompt}</c> stands for the row's. Default <c>{prompt}</c>.</summary>
    public string Template { get; init; } = "{prompt}";

    /// <summary>
    /// The system turn where prompts go through a chat template; null is the one that asks for \boxed{}. Turns of the file's own are left
    /// as they are.
    /// </summary>
    public string? System { get; init; }

    /// <summary>What a prompt is that the file holds as chat turns. Default auto.</summary>
    public TurnsKind Turns { get; init; } = TurnsKind.Auto;

    /// <summary>
    /// The answer checker's policy, a name in <c>AnswerPolicies</c>; null judges by <see cref="Answer"/> and <see cref="Match"/>.
    /// </summary>
    public string? Policy { get; init; }

    /// <summary>The field whose value chooses a row's own policy among <see cref="Policies"/>; null gives all rows the same.</summary>
    public string? PolicyField { get; init; }

    /// <summary>
    /// Values of <see cref="PolicyField"/> and the policies that they stand for; rows of other values take <see cref="Policy"/>.
    /// </summary>
    public IReadOnlyDictionary<string, string> Policies { get; init; } = new Dictionary<string, string>();

    /// <summary>Where the completion's answer is; only without <see cref="Policy"/>. Default whole.</summary>
    public AnswerPlace Answer { get; init; } = AnswerPlace.Whole;

    /// <summary>The marker of <see cref="AnswerPlace.Marker"/>. Default <c>####</c>.</summary>
    public string Marker { get; init; } = "####";

    /// <summary>
    /// When set, the reference answer is what stands behind this marker in its field, or the whole field where there is none (as in GSM8K's
    /// original files).
    /// </summary>
    public string? ReferenceMarker { get; init; }

    /// <summary>When an answer is right; only without <see cref="Policy"/>. Default exact.</summary>
    public AnswerMatch Match { get; init; } = AnswerMatch.Exact;

    /// <summary>Whether white space around answers is left out before they are compared. Default true.</summary>
    public bool Trim { get; init; } = true;

    /// <summary>Whether a completion cut off by the length limit is wrong. False for models without an end token. Default true.</summary>
    public bool RequireFinished { get; init; } = true;

    /// <summary>What happens when a training prompt is held out, too. Default refuse.</summary>
    public Overlap Overlap { get; init; } = Overlap.Refuse;

    /// <summary>Whether rows with an empty prompt or answer are left out instead of reported. Default false.</summary>
    public bool SkipEmpty { get; init; }

    /// <summary>Whether held-out rows that repeat an earlier prompt are kept, as benchmarks count them. Default false.</summary>
    public bool KeepRepeated { get; init; }

    /// <summary>
    /// Longest prompt, characters, >= 1; rows with a longer one are left out. Null is no limit. By tokens: problems.tooLong.
    /// </summary>
    public int? MaxPromptCharacters { get; init; }

    /// <summary>
    /// The field with a problem's pass rate, a number in [0, 1], for <see cref="MinPassRate"/> and <see cref="MaxPassRate"/>; null is no
    /// filter.
    /// </summary>
    public string? PassRateField { get; init; }

    /// <summary>Training rows with a lower pass rate are left out. Default 0.</summary>
    public double MinPassRate { get; init; }

    /// <summary>Training rows with a higher pass rate are left out. Default 1.</summary>
    public double MaxPassRate { get; init; } = 1;

    /// <summary>Multiple choice: fields, options, order and examples; null where answers are free.</summary>
    public ChoiceSettings? Choice { get; init; }

    /// <summary>
    /// How answers follow from prompts where the file has none: a name in <c>DerivedAnswers</c>; null takes them from the file.
    /// </summary>
    public string? DerivedAnswer { get; init; }

    /// <summary>Rows that the training problems should have; another number is worth a warning. Empty says nothing.</summary>
    public IReadOnlyList<int> TrainRows { get; init; } = [];

    /// <summary>Rows that the held-out problems should have; another number is worth a warning. Empty says nothing.</summary>
    public IReadOnlyList<int> HeldOutRows { get; init; } = [];

    /// <summary>The policy's checker, or null.</summary>
    [JsonIgnore]
    internal AnswerPolicy? Checker => Policy is null ? null : AnswerPolicy.Named(Policy);

    /// <summary>The settings themselves when every rule holds.</summary>
    /// <exception cref="InputException">One or more rules are broken; all are reported.</exception>
    public FileProblemsSettings Validated()
    {
        const string At = "problems.settings.";
        var faults = new List<string>();
        if (string.IsNullOrWhiteSpace(Train) && (HeldOut is null || HeldOutFraction is not null))
            faults.Add($"{At}train is empty; it must be the path of a file of problems (or give {At}heldOut alone to evaluate).");
        if ((HeldOut is null) == (HeldOutFraction is null))
            faults.Add($"{At}heldOut and {At}heldOutFraction are {(HeldOut is null ? "both missing" : "both given")}; "
                + "give exactly one of them.");
        if (HeldOutFraction is { } share && !(share is > 0 and < 1))
            faults.Add($"{At}heldOutFraction is {share}; it must be between 0 and 1.");
        foreach (var (name, value) in new[]
        {
            ("promptField", PromptField),
            ("answerField", AnswerField),
            ("solutionField", SolutionField),
            ("marker", Marker),
            ("passRateField", PassRateField),
        })
            if (value == "" || (name == "marker" && value is null))
                faults.Add($"{At}{name} is empty; it must be a text{(name == "marker" ? "" : ", or be left out")}.");
        if (ReferenceMarker == "")
            faults.Add($"{At}referenceMarker is empty; leave it out, or give the text that precedes the answer.");
        if (Template?.Contains("{prompt}", StringComparison.Ordinal) != true)
            faults.Add($"{At}template is '{Template}'; it must contain {{prompt}}.");
        if (!Enum.IsDefined(Answer) || !Enum.IsDefined(Match) || !Enum.IsDefined(Overlap) || !Enum.IsDefined(Turns))
            faults.Add($"{At}answer, match, turns or overlap has an unknown value.");
        if (MaxPromptCharacters < 1)
            faults.Add($"{At}maxPromptCharacters is {MaxPromptCharacters}; it must be at least 1.");
        if (!(MinPassRate >= 0 && MinPassRate <= MaxPassRate && MaxPassRate <= 1))
            faults.Add($"{At}minPassRate and maxPassRate are {MinPassRate} and {MaxPassRate}; they must be a range within [0, 1].");
        if (PassRateField is null && (MinPassRate > 0 || MaxPassRate < 1))
            faults.Add($"{At}minPassRate and maxPassRate need {At}passRateField, the field with the pass rate.");
        if (Policy is not null && !AnswerPolicy.All.ContainsKey(Policy))
            faults.Add($"{At}policy is '{Policy}'; there are: {string.Join(", ", AnswerPolicy.All.Keys.Order(StringComparer.Ordinal))}.");
        foreach (var (value, policy) in Policies.Where(p => p.Value is null || !AnswerPolicy.All.ContainsKey(p.Value)))
            faults.Add($"{At}policies names '{policy ?? "null"}' for '{value}'; there are: "
                + $"{string.Join(", ", AnswerPolicy.All.Keys.Order(StringComparer.Ordinal))}.");
        if (DerivedAnswer is not null && !DerivedAnswers.All.ContainsKey(DerivedAnswer))
            faults.Add($"{At}derivedAnswer is '{DerivedAnswer}'; there are: {string.Join(", ", DerivedAnswers.All.Keys)}.");
        faults.AddRange(Choice?.Faults(At + "choice.") ?? []);
        return faults.Count == 0 ? this : throw InputException.Of(faults);
    }
}
