using System.Text.Json;

namespace G2RL.Onnx.Problems.Files;

/// <summary>Problems from files with one JSON object a line, each with a prompt and a reference answer.</summary>
public sealed class JsonLines : IProblemSet
{
    private const int MaxCompletion = 1 << 20;
    private readonly JsonLinesSettings settings;
    private readonly List<Problem> train;
    private readonly List<Problem> heldOut;
    private readonly List<string> notes = [];

    /// <summary>Reads and checks the files.</summary>
    /// <exception cref="InputException">A setting, a file or a row is wrong (with file and line), or train and held-out prompts overlap.</exception>
    public JsonLines(JsonLinesSettings settings)
    {
        this.settings = settings.Validated();
        train = Read(settings.Train);
        if (settings.HeldOut is { } path)
        {
            heldOut = Read(path);
            ResolveOverlap();
        }
        else
        {
            heldOut = [.. train.Where(IsSplitOff)];
            train = [.. train.Where(p => !IsSplitOff(p))];
        }

        if (train.Count == 0 || heldOut.Count == 0)
            throw new InputException($"{settings.Train}: {train.Count} training and {heldOut.Count} held-out problems are left; both need at least one. Use larger files or another heldOutFraction.");
    }

    private JsonLines(JsonLines all, IReadOnlySet<Problem> without) =>
        (settings, train, heldOut, notes) =
            (all.settings, [.. all.train.Where(p => !without.Contains(p))], [.. all.heldOut.Where(p => !without.Contains(p))], all.notes);

    /// <inheritdoc/>
    public string Name => "jsonl";

    /// <summary>Number of training problems.</summary>
    public int TrainCount => train.Count;

    /// <summary>Number of held-out problems.</summary>
    public int HeldOutCount => heldOut.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => notes;

    /// <inheritdoc/>
    public IReadOnlyList<Problem> Training => train;

    /// <inheritdoc/>
    public IProblemSet Without(IReadOnlySet<Problem> problems) => new JsonLines(this, problems);

    /// <inheritdoc/>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed) => Epochs.Pick(train, step, count, seed);

    /// <inheritdoc/>
    public IReadOnlyList<Problem> HeldOut(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return [.. heldOut.Take(count)];
    }

    /// <inheritdoc/>
    public Outcome Judge(Problem problem, string completion, bool finished)
    {
        if ((settings.RequireFinished && !finished) || string.IsNullOrEmpty(completion) || completion.Length > MaxCompletion)
            return Outcome.Judged(correct: false, wellFormed: false);
        var answer = AnswerExtraction.Find(completion, settings.Answer, settings.Marker);
        if (answer is null)
            return Outcome.Judged(correct: false, wellFormed: false);
        if (settings.Match == AnswerMatch.Numeric)
            return Outcome.Judged(ExactNumber.Equal(answer, problem.Answer), ExactNumber.TryParse(answer, out _));
        return Outcome.Judged(settings.Trim ? answer.AsSpan().Trim().SequenceEqual(problem.Answer.AsSpan().Trim()) : answer == problem.Answer, answer.Length > 0);
    }

    private bool IsSplitOff(Problem problem) => ProblemRandom.Hash(problem.Prompt) * Math.Pow(2, -64) < settings.HeldOutFraction;

    private List<Problem> Read(string path)
    {
        var problems = new List<Problem>();
        var seen = new HashSet<string>();
        var (number, duplicates, empty) = (0, 0, 0);
        foreach (var line in InputFile.Lines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            if (Row(line, path, number) is not { } problem)
                empty++;
            else if (seen.Add(problem.Prompt))
                problems.Add(problem);
            else
                duplicates++;
        }

        if (problems.Count == 0)
            throw new InputException($"{path} holds no problems; it must hold one JSON object a line.");
        if (duplicates > 0)
            notes.Add($"{path}: {duplicates} rows repeat an earlier prompt and are left out.");
        if (empty > 0)
            notes.Add($"{path}: {empty} rows have an empty prompt or answer and are left out.");
        return problems;
    }

    private Problem? Row(string line, string path, int number)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return Row(json.RootElement, path, number);
        }
        catch (JsonException e)
        {
            throw new InputException(InputFile.Foreign(path) ?? $"{path}:{number} is not JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 that stands for half a character.
            throw new InputException($"{path}:{number} holds text that is not Unicode: {e.Message}", e);
        }
    }

    private Problem? Row(JsonElement row, string path, int number)
    {
        if (row.ValueKind != JsonValueKind.Object)
            throw new InputException($"{path}:{number} is a JSON {row.ValueKind}; every line must be an object.");
        var prompt = Field(row, settings.PromptField, numberAllowed: false, path, number);
        var answer = Field(row, settings.AnswerField, numberAllowed: true, path, number);
        if (settings.ReferenceMarker is { } marker)
            answer = AnswerExtraction.BehindMarker(answer, marker) ?? throw new InputException($"{path}:{number}: field '{settings.AnswerField}' lacks the marker '{marker}' (jsonLines.referenceMarker).");
        if (string.IsNullOrWhiteSpace(prompt) || string.IsNullOrWhiteSpace(answer))
        {
            var name = string.IsNullOrWhiteSpace(prompt) ? settings.PromptField : settings.AnswerField;
            return settings.SkipEmpty ? null : throw new InputException($"{path}:{number}: field '{name}' is empty or null. Fill it, remove the row, or set jsonLines.skipEmpty.");
        }

        if (settings.Match == AnswerMatch.Numeric && !ExactNumber.TryParse(answer, out _))
            throw new InputException($"{path}:{number}: field '{settings.AnswerField}' is '{answer}', which is not a number; jsonLines.match is numeric. Use exact, or another file.");
        return new Problem($"{Path.GetFileName(path)}:{number}", settings.Template.Replace("{prompt}", prompt, StringComparison.Ordinal), answer);
    }

    private static string Field(JsonElement row, string name, bool numberAllowed, string path, int number)
    {
        if (!row.TryGetProperty(name, out var value))
            throw new InputException($"{path}:{number} has no field '{name}'; it has {string.Join(", ", row.EnumerateObject().Take(10).Select(p => p.Name))}. Set jsonLines.promptField and answerField to the file's names.");
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Null => "",
            JsonValueKind.Number when numberAllowed => value.GetRawText(),
            _ => throw new InputException($"{path}:{number}: field '{name}' is a JSON {value.ValueKind}; it must be a text{(numberAllowed ? " or a number" : "")}."),
        };
    }

    private void ResolveOverlap()
    {
        var asked = heldOut.ToDictionary(p => p.Prompt, p => p.Id);
        var shared = train.Where(p => asked.ContainsKey(p.Prompt)).ToList();
        if (shared.Count == 0)
            return;
        if (settings.Overlap == Overlap.Refuse)
        {
            var examples = string.Join(", ", shared.Take(5).Select(p => $"{p.Id} = {asked[p.Prompt]}"));
            throw new InputException($"{shared.Count} prompts of {settings.Train} are in {settings.HeldOut} too ({examples}); training on them would spoil the evaluation. Remove them, or set jsonLines.overlap to dropFromTraining.");
        }

        train.RemoveAll(p => asked.ContainsKey(p.Prompt));
        notes.Add($"{settings.Train}: {shared.Count} rows are held out in {settings.HeldOut} and are left out of training.");
    }
}
