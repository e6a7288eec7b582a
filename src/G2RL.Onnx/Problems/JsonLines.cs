using System.Text.Json;

namespace G2RL.Onnx.Problems;

/// <summary>Problems from files with one JSON object a line, each with a prompt and a reference answer.</summary>
public sealed class JsonLines : IProblemSet
{
    private const int MaxCompletion = 1 << 20;
    private readonly JsonLinesSettings _settings;
    private readonly List<Problem> _train;
    private readonly List<Problem> _heldOut;
    private readonly List<string> _notes = [];

    /// <summary>Reads and checks the files.</summary>
    /// <exception cref="InputException">A setting, a file or a row is wrong (with file and line), or train and held-out prompts overlap.</exception>
    public JsonLines(JsonLinesSettings settings)
    {
        _settings = settings.Validated();
        _train = Read(settings.Train);
        if (settings.HeldOut is { } path)
        {
            _heldOut = Read(path);
            ResolveOverlap();
        }
        else
        {
            _heldOut = [.. _train.Where(IsSplitOff)];
            _train = [.. _train.Where(p => !IsSplitOff(p))];
        }

        if (_train.Count == 0 || _heldOut.Count == 0)
            throw new InputException($"{settings.Train}: {_train.Count} training and {_heldOut.Count} held-out problems are left; both need at least one. Use larger files or another heldOutFraction.");
    }

    /// <inheritdoc/>
    public string Name => "jsonl";

    /// <summary>Number of training problems.</summary>
    public int TrainCount => _train.Count;

    /// <summary>Number of held-out problems.</summary>
    public int HeldOutCount => _heldOut.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => _notes;

    /// <inheritdoc/>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed) => Epochs.Pick(_train, step, count, seed);

    /// <inheritdoc/>
    public IReadOnlyList<Problem> HeldOut(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return [.. _heldOut.Take(count)];
    }

    /// <inheritdoc/>
    public Outcome Judge(Problem problem, string completion, bool finished)
    {
        if ((_settings.RequireFinished && !finished) || string.IsNullOrEmpty(completion) || completion.Length > MaxCompletion)
            return Outcome.Judged(correct: false, wellFormed: false);
        var answer = AnswerExtraction.Find(completion, _settings.Answer, _settings.Marker);
        if (answer is null)
            return Outcome.Judged(correct: false, wellFormed: false);
        if (_settings.Match == AnswerMatch.Numeric)
            return Outcome.Judged(ExactNumber.Equal(answer, problem.Answer), ExactNumber.TryParse(answer, out _));
        return Outcome.Judged(_settings.Trim ? answer.AsSpan().Trim().SequenceEqual(problem.Answer.AsSpan().Trim()) : answer == problem.Answer, answer.Length > 0);
    }

    private bool IsSplitOff(Problem problem) => ProblemRandom.Hash(problem.Prompt) * Math.Pow(2, -64) < _settings.HeldOutFraction;

    private List<Problem> Read(string path)
    {
        var problems = new List<Problem>();
        var seen = new HashSet<string>();
        var (number, duplicates, empty) = (0, 0, 0);
        foreach (var line in Lines(path))
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
            _notes.Add($"{path}: {duplicates} rows repeat an earlier prompt and are left out.");
        if (empty > 0)
            _notes.Add($"{path}: {empty} rows have an empty prompt or answer and are left out.");
        return problems;
    }

    private static IEnumerable<string> Lines(string path)
    {
        IEnumerator<string> lines;
        try
        {
            lines = File.ReadLines(path).GetEnumerator();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}", e);
        }

        using (lines)
        {
            while (lines.MoveNext())
                yield return lines.Current;
        }
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
            throw new InputException($"{path}:{number} is not JSON: {e.Message}", e);
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
        var prompt = Field(row, _settings.PromptField, numberAllowed: false, path, number);
        var answer = Field(row, _settings.AnswerField, numberAllowed: true, path, number);
        if (_settings.ReferenceMarker is { } marker)
            answer = AnswerExtraction.BehindMarker(answer, marker) ?? throw new InputException($"{path}:{number}: field '{_settings.AnswerField}' lacks the marker '{marker}' (jsonLines.referenceMarker).");
        if (string.IsNullOrWhiteSpace(prompt) || string.IsNullOrWhiteSpace(answer))
        {
            var name = string.IsNullOrWhiteSpace(prompt) ? _settings.PromptField : _settings.AnswerField;
            return _settings.SkipEmpty ? null : throw new InputException($"{path}:{number}: field '{name}' is empty or null. Fill it, remove the row, or set jsonLines.skipEmpty.");
        }

        if (_settings.Match == AnswerMatch.Numeric && !ExactNumber.TryParse(answer, out _))
            throw new InputException($"{path}:{number}: field '{_settings.AnswerField}' is '{answer}', which is not a number; jsonLines.match is numeric. Use exact, or another file.");
        return new Problem($"{Path.GetFileName(path)}:{number}", _settings.Template.Replace("{prompt}", prompt, StringComparison.Ordinal), answer);
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
        var heldOut = _heldOut.ToDictionary(p => p.Prompt, p => p.Id);
        var shared = _train.Where(p => heldOut.ContainsKey(p.Prompt)).ToList();
        if (shared.Count == 0)
            return;
        if (_settings.Overlap == Overlap.Refuse)
        {
            var examples = string.Join(", ", shared.Take(5).Select(p => $"{p.Id} = {heldOut[p.Prompt]}"));
            throw new InputException($"{shared.Count} prompts of {_settings.Train} are in {_settings.HeldOut} too ({examples}); training on them would spoil the evaluation. Remove them, or set jsonLines.overlap to dropFromTraining.");
        }

        _train.RemoveAll(p => heldOut.ContainsKey(p.Prompt));
        _notes.Add($"{_settings.Train}: {shared.Count} rows are held out in {_settings.HeldOut} and are left out of training.");
    }
}
