using System.Text;
using G2RL.Onnx.Problems.Sources;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Problems.Files;

/// <summary>A question with its options in the order in which they are shown, and the letter of the right one.</summary>
/// <param name="Text">The question.</param>
/// <param name="Options">2 to 26 options.</param>
/// <param name="Letter">The right one, A to Z.</param>
/// <param name="Category">Its category; empty for none.</param>
/// <param name="Solution">A worked solution, of an example.</param>
internal sealed record ChoiceQuestion(string Text, IReadOnlyList<string> Options, char Letter, string Category, string Solution);

/// <summary>Rows of multiple-choice files as prompts, with examples in front.</summary>
internal sealed class MultipleChoice
{
    private const string Absent = "N/A";
    private const ulong ShuffleStream = 0x4F7074696F6E73;
    private static readonly string[] QuestionFields = ["question", "Question", "prompt", "problem"];
    private static readonly string[] LetterFields = ["answer", "answer_index"];

    private readonly ChoiceSettings settings;
    private readonly string? promptField;
    private readonly string? answerField;
    private readonly Dictionary<string, List<ChoiceQuestion>> shots = new(StringComparer.Ordinal);

    /// <summary>Reads the examples.</summary>
    /// <exception cref="InputException">The examples' file or a row of it is wrong, or a setting.</exception>
    public MultipleChoice(ChoiceSettings settings, string? promptField, string? answerField)
    {
        (this.settings, this.promptField, this.answerField) = (settings, promptField, answerField);
        if (settings.Shots == 0)
            return;
        var faults = new RowFaults();
        foreach (var row in SourceReader.Rows(settings.ShotsFile!, faults))
            faults.Guard(row, () =>
            {
                var shot = Read(row);
                if (shot.Solution.Length == 0)
                    throw new RowException($": field '{settings.SolutionField}' is empty or missing; an example needs a worked solution. "
                        + $"It has {row.Names()}.");
                (shots.TryGetValue(shot.Category, out var same) ? same : shots[shot.Category] = []).Add(shot);
                return true;
            });
        faults.ThrowIfAny();
    }

    /// <summary>A row's question.</summary>
    /// <exception cref="RowException">A field is missing or wrong.</exception>
    public ChoiceQuestion Read(SourceRow row)
    {
        var (name, value) = row.FindFirst(promptField is null ? QuestionFields : [promptField])
            ?? throw row.Missing(promptField ?? "question");
        var text = SourceRow.Text(name, value, numberAllowed: false)?.Trim() ?? "";
        var (options, right) = settings.CorrectField is null ? Listed(row) : Separate(row, settings.CorrectField);
        if (options.Count is < 2 or > 26 || right < 0 || right >= options.Count)
            throw new RowException($": {options.Count} options, of which number {right + 1} is right; "
                + "there must be 2 to 26, and the right one among them.");
        var order = settings.Shuffle
            ? new ProblemRandom(ProblemRandom.Hash(text), ShuffleStream).Permutation(options.Count)
            : [.. Enumerable.Range(0, options.Count)];
        string Optional(string field) => row.Find(field) is { } found ? SourceRow.Text(field, found, numberAllowed: true) ?? "" : "";
        return new(
            text,
            [.. order.Select(i => options[i].Trim())],
            (char)('A' + Array.IndexOf(order, right)),
            Optional(settings.CategoryField),
            Optional(settings.SolutionField));
    }

    /// <summary>The base prompt: instruction, examples, question, up to where the answer begins.</summary>
    public string Prompt(ChoiceQuestion question)
    {
        var text = new StringBuilder(Instruction(question)).Append("\n\n");
        foreach (var shot in Shots(question))
            text.Append("Question: ").Append(Asked(shot)).Append("\nAnswer: ").Append(Worked(shot)).Append("\n\n");
        return text.Append("Question: ").Append(Asked(question)).Append("\nAnswer:").ToString();
    }

    /// <summary>The chat prompt: the instruction as system turn, an exchange for every example, the question.</summary>
    public IReadOnlyList<ChatMessage> Turns(ChoiceQuestion question) =>
    [
        new("system", Instruction(question)),
        .. Shots(question).SelectMany(shot => new ChatMessage[] { new("user", Asked(shot)), new("assistant", Worked(shot)) }),
        new("user", Asked(question)),
    ];

    private string Instruction(ChoiceQuestion question) =>
        settings.Instruction.Replace("{category}", question.Category, StringComparison.Ordinal);

    private IEnumerable<ChoiceQuestion> Shots(ChoiceQuestion question) =>
        (shots.TryGetValue(question.Category, out var same) ? same : []).Where(s => s.Text != question.Text).Take(settings.Shots);

    private static string Asked(ChoiceQuestion question) =>
        question.Text + "\nOptions:\n" + string.Join('\n', question.Options.Select((option, i) => $"{(char)('A' + i)}. {option}"));

    // Files of worked solutions begin them with "A:"; ours begins with "Answer:".
    private static string Worked(ChoiceQuestion shot) =>
        shot.Solution.StartsWith("A:", StringComparison.Ordinal) ? shot.Solution[2..].Trim() : shot.Solution.Trim();

    private (IReadOnlyList<string> Options, int Right) Listed(SourceRow row)
    {
        var field = settings.OptionsField;
        var options = SourceRow.Texts(field, row.Find(field) ?? throw row.Missing(field)).ToList();
        // Lists of ten were filled up with these.
        while (options.Count > 2 && options[^1].Trim() == Absent)
            options.RemoveAt(options.Count - 1);
        if (options.FindIndex(string.IsNullOrWhiteSpace) is >= 0 and var empty)
            throw new RowException($": option {empty + 1} of field '{field}' is empty or null; every option needs a text.");
        var (name, value) = row.FindFirst(answerField is null ? LetterFields : [answerField]) ?? throw row.Missing(answerField ?? "answer");
        if (value.ValueKind == System.Text.Json.JsonValueKind.Number && value.TryGetInt32(out var index))
            return (options, index);
        var answer = SourceRow.Text(name, value, numberAllowed: true)?.Trim() ?? "";
        return answer is [>= 'A' and <= 'Z']
            ? (options, answer[0] - 'A')
            : throw new RowException($": field '{name}' is '{answer}'; it must be the right option's letter, or its number from 0.");
    }

    private (IReadOnlyList<string> Options, int Right) Separate(SourceRow row, string correct)
    {
        string Option(string field) => SourceRow.Text(field, row.Find(field) ?? throw row.Missing(field), numberAllowed: true) is { } text
            && !string.IsNullOrWhiteSpace(text)
            ? text
            : throw new RowException($": field '{field}' is empty; every option needs a text.");
        return ([Option(correct), .. settings.IncorrectFields.Select(Option)], 0);
    }
}
