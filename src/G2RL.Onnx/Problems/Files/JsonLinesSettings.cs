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

/// <summary>A <see cref="JsonLines"/> problem set: its files, its fields and its judge.</summary>
public sealed record JsonLinesSettings
{
    /// <summary>The training file, one JSON object a line.</summary>
    public string Train { get; init; } = "";

    /// <summary>The held-out file; null when <see cref="HeldOutFraction"/> splits the training file.</summary>
    public string? HeldOut { get; init; }

    /// <summary>The share of the training file to hold out, by a hash of the prompt, 0 to 1, both excluded; null when <see cref="HeldOut"/> is a file.</summary>
    public double? HeldOutFraction { get; init; }

    /// <summary>The field that holds the prompt, a text. Default <c>prompt</c>.</summary>
    public string PromptField { get; init; } = "prompt";

    /// <summary>The field that holds the reference answer, a text or a number. Default <c>answer</c>.</summary>
    public string AnswerField { get; init; } = "answer";

    /// <summary>The prompt given to the model; <c>{prompt}</c> stands for the row's. Default <c>{prompt}</c>.</summary>
    public string Template { get; init; } = "{prompt}";

    /// <summary>Where the completion's answer is. Default whole.</summary>
    public AnswerPlace Answer { get; init; } = AnswerPlace.Whole;

    /// <summary>The marker of <see cref="AnswerPlace.Marker"/>. Default <c>####</c>.</summary>
    public string Marker { get; init; } = "####";

    /// <summary>When set, the reference answer is what stands behind this marker in its field (as in GSM8K's original files).</summary>
    public string? ReferenceMarker { get; init; }

    /// <summary>When an answer is right. Default exact.</summary>
    public AnswerMatch Match { get; init; } = AnswerMatch.Exact;

    /// <summary>Whether white space around answers is left out before they are compared. Default true.</summary>
    public bool Trim { get; init; } = true;

    /// <summary>Whether a completion cut off by the length limit is wrong. False for models without an end token. Default true.</summary>
    public bool RequireFinished { get; init; } = true;

    /// <summary>What happens when a training prompt is held out, too. Default refuse.</summary>
    public Overlap Overlap { get; init; } = Overlap.Refuse;

    /// <summary>Whether rows with an empty prompt or answer are left out instead of reported. Default false.</summary>
    public bool SkipEmpty { get; init; }

    /// <summary>The settings themselves when every rule holds.</summary>
    /// <exception cref="InputException">One or more rules are broken; all are reported.</exception>
    public JsonLinesSettings Validated()
    {
        var faults = new List<string>();
        if (string.IsNullOrWhiteSpace(Train))
            faults.Add("jsonLines.train is empty; it must be the path of a file with one JSON object a line.");
        if ((HeldOut is null) == (HeldOutFraction is null))
            faults.Add($"jsonLines.heldOut and jsonLines.heldOutFraction are {(HeldOut is null ? "both missing" : "both given")}; give exactly one of them.");
        if (HeldOutFraction is { } share && !(share is > 0 and < 1))
            faults.Add($"jsonLines.heldOutFraction is {share}; it must be between 0 and 1.");
        foreach (var (name, value) in new[] { ("promptField", PromptField), ("answerField", AnswerField), ("marker", Marker) })
            if (string.IsNullOrEmpty(value))
                faults.Add($"jsonLines.{name} is empty; it must be a text.");
        if (ReferenceMarker == "")
            faults.Add("jsonLines.referenceMarker is empty; leave it out, or give the text that precedes the answer.");
        if (Template?.Contains("{prompt}", StringComparison.Ordinal) != true)
            faults.Add($"jsonLines.template is '{Template}'; it must contain {{prompt}}.");
        if (!Enum.IsDefined(Answer) || !Enum.IsDefined(Match) || !Enum.IsDefined(Overlap))
            faults.Add("jsonLines.answer, match or overlap has an unknown value.");
        return faults.Count == 0 ? this : throw InputException.Of(faults);
    }
}
