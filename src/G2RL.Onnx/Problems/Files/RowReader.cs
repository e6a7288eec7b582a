using System.Globalization;
using System.Text.Json;
using G2RL.Onnx.Problems.Sources;

namespace G2RL.Onnx.Problems.Files;

/// <summary>What a row gives: a problem, or why it is left out.</summary>
internal sealed record ReadRow(Problem? Problem, string? LeftOut);

/// <summary>Rows as problems: fields, prompt, reference answer, filters.</summary>
/// <param name="settings">The set's settings, checked.</param>
internal sealed class RowReader(FileProblemsSettings settings)
{
    private const string Hint = "Set problems.settings.promptField and problems.settings.answerField to the file's names.";
    private static readonly string[] PromptFields = ["prompt", "problem", "question", "messages"];
    private static readonly string[] AnswerFields = ["answer", "reward_model.ground_truth", "ground_truth", "solution"];

    private readonly MultipleChoice? choice = settings.Choice is { } c
        ? new MultipleChoice(c, settings.PromptField, settings.AnswerField)
        : null;

    /// <summary>Reads a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="isTraining">Whether the filters of training rows hold.</param>
    /// <exception cref="RowException">A field is missing or wrong.</exception>
    public ReadRow Read(SourceRow row, bool isTraining)
    {
        var problem = choice is null ? Free(row) : Chosen(row, choice);
        if (problem is null)
            return new(null, "have an empty prompt or answer");
        if (problem.Prompt.Length > settings.MaxPromptCharacters)
            return new(null, $"have a prompt of more than {settings.MaxPromptCharacters} characters");
        if (isTraining
            && settings.PassRateField is { } field
            && PassRate(row, field) is var rate
            && (rate < settings.MinPassRate || rate > settings.MaxPassRate))
            return new(null, $"have a pass rate outside of [{settings.MinPassRate}, {settings.MaxPassRate}]");
        return new(problem with { Policy = OwnPolicy(row), Solution = isTraining ? Solution(row) : null }, null);
    }

    private static string Id(SourceRow row) => $"{Path.GetFileName(row.File)}:{row.Number}";

    private static Problem Chosen(SourceRow row, MultipleChoice choice)
    {
        var question = choice.Read(row);
        if (string.IsNullOrWhiteSpace(question.Text))
            throw new RowException(": the question is empty.");
        return new(
            Id(row),
            choice.Prompt(question),
            question.Letter.ToString())
        { Question = question.Text, Turns = choice.Turns(question) };
    }

    private Problem? Free(SourceRow row)
    {
        var (promptField, value) = row.FindFirst(settings.PromptField is null ? PromptFields : [settings.PromptField])
            ?? throw row.Missing(settings.PromptField ?? PromptFields[0], Hint);
        var turns = value.ValueKind == JsonValueKind.Array ? SourceRow.Turns(promptField, value) : null;
        var last = turns is [.., { Role: "assistant" } reply] ? reply : null;
        // What the assistant says last is the reference, and no part of the question.
        if (last is not null)
            turns = turns!.Count > 1
                ? [.. turns.SkipLast(1)]
                : throw new RowException($": field '{promptField}' holds an answer alone; a conversation needs a question.");
        var prompt = turns is null
            ? SourceRow.Text(promptField, value, numberAllowed: false)
            : string.Join("\n\n", turns.Select(t => t.Content));
        var answerField = promptField;
        var answer = string.IsNullOrWhiteSpace(prompt) ? "" : Answer(row, prompt, last?.Content, ref answerField);
        if (string.IsNullOrWhiteSpace(prompt) || (string.IsNullOrWhiteSpace(answer) && settings.DerivedAnswer is null))
        {
            var name = string.IsNullOrWhiteSpace(prompt) ? promptField : answerField;
            return settings.SkipEmpty ? null : throw new RowException($": field '{name}' is empty or null. "
                + "Fill it, remove the row, or set problems.settings.skipEmpty.");
        }

        if (settings.Policy is null && settings.Match == AnswerMatch.Numeric && !ExactNumber.TryParse(answer, out _))
            throw new RowException($": field '{answerField}' is '{answer}', which is not a number; problems.settings.match is numeric. "
                + "Use exact, or another file.");
        // A template is words around a question; turns have their own.
        var asked = turns is null ? settings.Template.Replace("{prompt}", prompt, StringComparison.Ordinal) : prompt;
        var text = settings.Turns == TurnsKind.Text;
        return new(Id(row), asked, answer)
        {
            Question = prompt,
            Turns = text ? null : turns ?? (settings.System is { } system ? [new("system", system), new("user", prompt)] : null),
            Conversation = turns is null || text ? null : settings.Turns,
        };
    }

    private string Answer(SourceRow row, string prompt, string? reply, ref string field)
    {
        if (settings.DerivedAnswer is { } rule)
            return DerivedAnswers.All[rule](prompt)
                ?? throw new RowException($": the prompt '{prompt}' has another form than problems.settings.derivedAnswer {rule} needs.");
        if (row.FindFirst(settings.AnswerField is null ? AnswerFields : [settings.AnswerField]) is not { } found)
            return reply ?? throw row.Missing(settings.AnswerField ?? AnswerFields[0], Hint);
        field = found.Name;
        var answer = SourceRow.Text(field, found.Value, numberAllowed: true) ?? "";
        if (settings.ReferenceMarker is not { } marker || string.IsNullOrWhiteSpace(answer))
            return answer;
        return AnswerExtraction.BehindMarker(answer, marker) ?? (settings.Policy is not null
            ? answer
            : throw new RowException($": field '{field}' lacks the marker '{marker}' (problems.settings.referenceMarker)."));
    }

    private string? Solution(SourceRow row)
    {
        if (settings.SolutionField is { } field)
            return SourceRow.Text(field, row.Find(field) ?? throw row.Missing(field), numberAllowed: true);
        if (row.Find("solution") is { ValueKind: JsonValueKind.String } own)
            return own.GetString();
        // A solution that ends in a marker and the answer.
        return settings.ReferenceMarker is { } marker
            && row.FindFirst(settings.AnswerField is null ? AnswerFields : [settings.AnswerField])?.Value
                is { ValueKind: JsonValueKind.String } whole
            && whole.GetString()!.Contains(marker, StringComparison.Ordinal) ? whole.GetString() : null;
    }

    private string? OwnPolicy(SourceRow row) =>
        settings.PolicyField is { } field
            && row.Find(field) is { ValueKind: JsonValueKind.String } value
            && settings.Policies.TryGetValue(value.GetString()!, out var policy) ? policy : null;

    private static double PassRate(SourceRow row, string field) => (row.Find(field) ?? throw row.Missing(field)) is var value
        && (value.ValueKind == JsonValueKind.Number
            ? value.TryGetDouble(out var rate)
            : double.TryParse(
                SourceRow.Text(field, value, numberAllowed: true), NumberStyles.Float, CultureInfo.InvariantCulture, out rate))
        && rate is >= 0 and <= 1
            ? rate
            : throw new RowException($": field '{field}' is {value.GetRawText()}; a pass rate is a number in [0, 1].");
}
