namespace G2RL.Onnx.Configuration;

/// <summary>A setting that is another one from some step on.</summary>
/// <param name="Name">Its dotted name.</param>
/// <param name="From">Its value before, as JSON.</param>
/// <param name="To">Its value from now on, as JSON.</param>
internal sealed record SettingChange(string Name, string From, string To)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {From} -> {To}";
}

/// <summary>The settings that may change when a run goes on: every step that is done would have been the same with them.</summary>
internal static class ResumableSettings
{
    private const string Rounding =
        "sums may be rounded differently from here on, so the run no longer ends in the same bytes as one that was left alone";

    // A name that ends with '.' stands for all below it. The word is said when the setting changes.
    private static readonly (string Name, Func<RunConfig, string>? Word)[] Table =
    [
        // Where the model lies; that it is the same one is seen by what it holds.
        ("model", null),
        ("steps", c => c.Training.Schedule.Kind == ScheduleKind.Constant ? "" : "training.schedule follows the new number of steps from "
            + "here on; a run begun with it would have had other learning rates before"),
        // Which problems there are is compared; the limit alone changes none.
        ("problems.tooLong", null),
        ("sampling.maxPromptTokens", null),
        ("sampling.maxRows", _ => Rounding),
        ("sampling.cacheBudgetMiB", _ => Rounding),
        ("training.tokensPerMicrobatch", _ => Rounding),
        ("training.packing", _ => Rounding),
        ("training.checkpointEvery", null),
        ("training.keepCheckpoints", null),
        ("evaluation.every", null),
        ("evaluation.", _ => "evaluations before and after this cannot be compared"),
        ("execution.threads", _ => Rounding),
        ("execution.device", _ => Rounding),
        ("execution.devices", _ => Rounding),
        // Who computes changes no byte.
        ("distribution.", null),
        ("logging.", null),
    ];

    /// <summary>Names of the table, for messages and pages.</summary>
    public static IReadOnlyList<string> Names => [.. Table.Select(t => t.Name.EndsWith('.') ? t.Name + "*" : t.Name)];

    /// <summary>What changes between a run's configuration and the one asked for.</summary>
    /// <param name="was">The run's.</param>
    /// <param name="asked">The one asked for; its name and output say only where the run lies and must be the run's.</param>
    /// <param name="any">Whether any setting may change: no step is saved yet.</param>
    /// <param name="folder">The run's folder, for messages.</param>
    /// <exception cref="InputException">A setting that may not change.</exception>
    public static IReadOnlyList<SettingChange> Changes(RunConfig was, RunConfig asked, bool any, string folder)
    {
        var (before, after) = (ConfigSettings.Flat(RunConfigFile.ToNode(was)), ConfigSettings.Flat(RunConfigFile.ToNode(asked)));
        SettingChange[] changes = [.. before.Keys.Union(after.Keys)
            .Order(StringComparer.Ordinal)
                .Select(k => new SettingChange(k, before.GetValueOrDefault(k, "(none)"), after.GetValueOrDefault(k, "(none)")))
            .Where(c => c.From != c.To)];
        if (any)
            return changes;
        var refused = changes.Where(c => Line(c.Name) is null).Select(c => c.ToString()).ToList();
        if (asked.Sampling.MaxPromptTokens < was.Sampling.MaxPromptTokens)
            refused.Add("sampling.maxPromptTokens: "
                + $"{was.Sampling.MaxPromptTokens} -> {asked.Sampling.MaxPromptTokens} (it may only be raised)");
        return refused.Count == 0
            ? changes
            : throw new InputException($"{folder} was started with another configuration: {string.Join("; ", refused)}. "
                + $"Resume with the same one, or start a new run. When a run goes on these may change: {string.Join(", ", Names)}.");
    }

    /// <summary>What deserves a word about a change; empty when nothing does.</summary>
    public static string Word(SettingChange change, RunConfig now) => Line(change.Name)?.Word?.Invoke(now) ?? "";

    /// <summary>Whether evaluations before the change still say what they said.</summary>
    public static bool KeepsEvaluations(SettingChange change) =>
        change.Name is "steps" or "evaluation.every" or "execution.threads" || change.Name.StartsWith("training.", StringComparison.Ordinal)
        || change.Name.StartsWith("algorithm.", StringComparison.Ordinal) || change.Name.StartsWith("logging.", StringComparison.Ordinal)
        || change.Name.StartsWith("distribution.", StringComparison.Ordinal);

    private static (string Name, Func<RunConfig, string>? Word)? Line(string setting)
    {
        foreach (var line in Table)
            if (line.Name == setting || (line.Name.EndsWith('.') && setting.StartsWith(line.Name, StringComparison.Ordinal)))
                return line;
        return null;
    }
}
