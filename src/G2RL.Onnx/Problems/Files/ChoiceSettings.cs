namespace G2RL.Onnx.Problems.Files;

/// <summary>Multiple choice: where a row's options are, in which order they are shown, and which examples come first.</summary>
public sealed record ChoiceSettings
{
    /// <summary>The field with the options, a list of texts. Default <c>options</c>. Not with <see cref="CorrectField"/>.</summary>
    public string OptionsField { get; init; } = "options";

    /// <summary>
    /// The field with the right option's text, where each option has a field of its own (GPQA); null where <see cref="OptionsField"/> is a
    /// list.
    /// </summary>
    public string? CorrectField { get; init; }

    /// <summary>The fields of the wrong options, with <see cref="CorrectField"/>.</summary>
    public IReadOnlyList<string> IncorrectFields { get; init; } = [];

    /// <summary>
    /// Whether the options are shown in an order of the problem's own: a pure function of its question, whatever the seed. Default false.
    /// </summary>
    public bool Shuffle { get; init; }

    /// <summary>Examples in front of every question, >= 0. Default 0.</summary>
    public int Shots { get; init; }

    /// <summary>
    /// The file of the examples, with <see cref="Shots"/>: rows of the same fields. Each question takes the first ones of its own category.
    /// </summary>
    public string? ShotsFile { get; init; }

    /// <summary>The field with an example's worked solution. Default <c>cot_content</c>.</summary>
    public string SolutionField { get; init; } = "cot_content";

    /// <summary>The field with a question's category; rows without it are all of one category. Default <c>category</c>.</summary>
    public string CategoryField { get; init; } = "category";

    /// <summary>
    /// What is asked for; <c>{category}</c> stands for the row's. The system turn of a chat, the first line of a base prompt.
    /// </summary>
    public string Instruction { get; init; } =
        "Answer the following multiple-choice question. Think step by step, and end with \"The answer is (X)\", where X is the letter of "
            + "the right option.";

    internal IEnumerable<string> Faults(string at)
    {
        if (CorrectField is not null && IncorrectFields.Count is 0 or > 25)
            yield return $"{at}incorrectFields names {IncorrectFields.Count} fields; with {at}correctField it must name 1 to 25.";
        if (CorrectField is null && IncorrectFields.Count > 0)
            yield return $"{at}incorrectFields needs {at}correctField, the field of the right option.";
        if (IncorrectFields.Any(string.IsNullOrEmpty))
            yield return $"{at}incorrectFields names a field that is null or empty; each must be a text.";
        if (Shots is < 0 or > 100)
            yield return $"{at}shots is {Shots}; it must be 0 to 100.";
        if (Shots > 0 && string.IsNullOrWhiteSpace(ShotsFile))
            yield return $"{at}shots is {Shots}, but {at}shotsFile is empty; give the file with the examples (the benchmark's validation "
                + $"split), or set {at}shots to 0.";
    }
}
