using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Resuming;

/// <summary>
/// The border between two lives of a run: what it began with is compared with what is there now. What would change results is refused, what
/// only rounds differently is told and recorded, and settings that may change are taken over.
/// </summary>
/// <param name="run">The run.</param>
/// <param name="now">Its inputs as they are now.</param>
/// <param name="done">Steps that are saved; with none the run begins with what is there now.</param>
internal sealed class Resumption(RunDirectory run, RunIdentity now, int done)
{
    private readonly List<string> words = [];

    /// <summary>Compares, records, and gives what deserves a word.</summary>
    /// <exception cref="InputException">Results would be others than those of a run that was left alone; nothing was written.</exception>
    public IReadOnlyList<string> Begin()
    {
        if (run.Note.Length > 0)
            words.Add(run.Note);
        var was = RunIdentity.Read(run.Folder);
        var inputs = Compare(was);
        run.Guarded(() =>
        {
            if (done == 0 && (inputs.Faults.Count > 0 || !run.Changes.All(ResumableSettings.KeepsEvaluations)))
                DropEvaluations();
            var environment = CompareMachine();
            foreach (var change in run.Changes)
                words.Add($"from step {done + 1} on "
                    + $"{change}{(ResumableSettings.Word(change, run.Config) is { Length: > 0 } word ? $"; {word}" : "")}.");
            KeepModel();
            RunChanges.Append(run.Folder, done, run.Changes, environment, [.. inputs.Faults, .. inputs.Files]);
            if (was is null || inputs.Faults.Count + inputs.Files.Count > 0)
                DurableFile.Write(run.In(RunIdentity.FileName), now.ToJson());
            if (run.Changes.Count > 0)
                DurableFile.Write(run.In(RunEntries.Config), RunConfigFile.ToJson(run.Config));
        });
        return words;
    }

    /// <summary>Rows that the logs lack of the steps that are done, in words; empty when none is missing.</summary>
    /// <param name="evaluations">Whether this process evaluates, so that rows of evaluations are expected.</param>
    public IEnumerable<string> MissingRows(bool evaluations)
    {
        var steps = JsonLinesLog.Read(run.MetricsPath).Select(JsonLinesLog.StepOf).ToHashSet();
        if (Ranges(Enumerable.Range(1, done).Where(s => !steps.Contains(s))) is { Length: > 0 } missing)
            yield return $"{run.MetricsPath} lacks the rows of steps {missing} of {done} that are done. They cannot be made again; "
                + "tables and pages leave them out.";
        var every = run.Config.Evaluation.Every;
        var since = RunChanges.LastOf(run.Folder, "evaluation.every");
        var due = Enumerable.Range(0, done)
            .Where(s => s == 0 || (every > 0 && s % every == 0 && s >= since))
            .Where(s => run.Evaluation(s) is null);
        if (evaluations && Ranges(due) is { Length: > 0 } lost)
            yield return $"{run.EvaluationsPath} lacks the evaluations after steps {lost}. They cannot be made again, the weights have "
                + "gone on.";
    }

    // 3-5, 9
    private static string Ranges(IEnumerable<int> numbers)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (var number in numbers)
            if (ranges.Count > 0 && ranges[^1].Last == number - 1)
                ranges[^1] = (ranges[^1].First, number);
            else
                ranges.Add((number, number));
        var told = string.Join(", ", ranges.Take(10).Select(r => r.First == r.Last ? $"{r.First}" : $"{r.First}-{r.Last}"));
        return ranges.Count > 10 ? told + ", ..." : told;
    }

    private IdentityChange Compare(RunIdentity? was)
    {
        if (was is null)
        {
            if (done > 0)
                words.Add($"{run.Folder} has no {RunIdentity.FileName}: whether model, tokenizer and problems are those that it began with "
                    + "cannot be told. They are recorded now.");
            return new([], []);
        }
        var inputs = IdentityChange.Between(was, now, run.Config);
        var (faults, files) = (string.Join("; ", inputs.Faults),
            inputs.Files.Count == 0 ? "" : $" Files with other bytes: {string.Join(", ", inputs.Files)}.");
        if (inputs.Faults.Count > 0 && done > 0)
            throw new InputException($"{run.Folder} cannot go on to the results that it would have had: "
                + $"{faults}.{files} Put the first model and problems back and resume, or start a new run.");
        if (inputs.Faults.Count > 0)
            words.Add($"{run.Folder} began with other inputs; no step is saved, so it begins with those of now: {faults}.{files}");
        else if (inputs.Files.Count > 0)
            words.Add($"files have changed since the run began, without a consequence for it: {string.Join(", ", inputs.Files)}.");
        return inputs;
    }

    private void DropEvaluations()
    {
        if (!File.Exists(run.EvaluationsPath))
            return;
        File.Delete(run.EvaluationsPath);
        words.Add("the evaluation before the first step was made with other inputs or settings and is made again.");
    }

    // Where the last life was another machine's.
    private IReadOnlyList<SettingChange> CompareMachine()
    {
        var path = run.In(RunEntries.Environment);
        if (done == 0 || RunLogs.Object(path) is not { } first)
        {
            DurableFile.Write(path, RunEnvironment.ToJson());
            return [];
        }
        var changes = RunEnvironment.Differences(RunChanges.Environment(run.Folder, first), RunEnvironment.Describe());
        if (changes.Count > 0)
            words.Add($"this is not the machine or the software that the run was on: {string.Join("; ", changes)}. "
                + "Sums may be rounded differently, so it goes on, but no longer ends in the same bytes as one that was left alone.");
        return changes;
    }

    // The model of a run that had ended and is prolonged.
    private void KeepModel()
    {
        var model = run.In(RunEntries.Model);
        if (run.Changes.SingleOrDefault(c => c.Name == "steps") is not { } steps || !Directory.Exists(model))
            return;
        var kept = $"{model}-{int.Parse(steps.From, System.Globalization.CultureInfo.InvariantCulture):D6}";
        RunEntries.Delete(kept);
        Directory.Move(model, kept);
        words.Add($"the model that the run had ended with is kept as {kept}.");
    }
}
