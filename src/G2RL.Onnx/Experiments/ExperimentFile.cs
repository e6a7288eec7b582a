using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Experiments;

/// <summary>
/// Experiments as JSON: comments and trailing commas are welcome, unknown names are not, and all faults are told at once.
/// </summary>
public static class ExperimentFile
{
    private static readonly string[] Given = ["name", "output", "seed"];

    /// <summary>Reads and checks an experiment.</summary>
    /// <exception cref="InputException">All faults at once, those of every run's configuration among them.</exception>
    public static Experiment Load(string path)
    {
        var experiment = Parse(InputFile.Text(path), path);
        _ = Cells(experiment, path);
        return experiment;
    }

    /// <summary>The experiment with every setting of its own written out.</summary>
    public static string ToJson(Experiment experiment) => JsonSerializer.Serialize(experiment, RunConfigFile.Options) + "\n";

    /// <summary>
    /// The runs, one base after the other, and of a base all arms of a seed before the next seed: a part of them compares the arms fairly,
    /// too.
    /// </summary>
    /// <param name="experiment">The experiment; checked here.</param>
    /// <param name="source">What the faults are told of.</param>
    /// <exception cref="InputException">All faults at once.</exception>
    public static IReadOnlyList<ExperimentCell> Cells(Experiment experiment, string source = "the experiment")
    {
        var faults = Faults(experiment);
        var cells = new List<ExperimentCell>();
        if (faults.Count == 0)
            foreach (var start in experiment.Bases)
                foreach (var seed in experiment.Seeds)
                    foreach (var arm in experiment.Arms)
                        if (Resolve(experiment, start, arm, seed, faults) is { } config)
                            cells.Add(new(start.Name, arm.Name, seed, config));
        return faults.Count == 0 ? cells : throw InputException.Of([.. faults.Distinct().Select(f => $"{source}: {f}")]);
    }

    private static Experiment Parse(string text, string source)
    {
        var root = RunConfigFile.Object(text, source);
        var unknown = new List<string>();
        Unknown(root, typeof(Experiment), "", unknown);
        if (unknown.Count > 0)
            throw InputException.Of([.. unknown.Select(u => $"{source}: {u}")]);
        try
        {
            return root.Deserialize<Experiment>(RunConfigFile.Options)!;
        }
        catch (JsonException e)
        {
            var name = (e.Path ?? "").TrimStart('$', '.');
            throw new InputException(
                $"{source}: {(name.Length == 0 ? "the experiment" : name)} is of the wrong kind: {e.Message.Split(" Path:")[0]}",
                e);
        }
    }

    private static void Unknown(JsonNode? node, Type type, string prefix, List<string> faults)
    {
        var info = Info(type);
        if (node is JsonArray list && info.Kind == JsonTypeInfoKind.Enumerable)
            for (var i = 0; i < list.Count; i++)
                Unknown(list[i], info.ElementType!, $"{prefix}[{i}]", faults);
        if (node is not JsonObject group || info.Kind != JsonTypeInfoKind.Object)
            return;
        foreach (var (name, child) in group)
            if (info.Properties.FirstOrDefault(p => p.Name == name) is { } property)
                Unknown(child, property.PropertyType, prefix.Length == 0 ? name : $"{prefix}.{name}", faults);
            else
                faults.Add($"there is no '{name}' in {(prefix.Length == 0 ? "an experiment" : prefix)}; there are: "
                    + $"{string.Join(", ", info.Properties.Select(p => p.Name))}.");
    }

    private static JsonTypeInfo Info(Type type)
    {
        RunConfigFile.Options.MakeReadOnly(populateMissingResolver: true);
        return RunConfigFile.Options.GetTypeInfo(type);
    }

    private static List<string> Faults(Experiment experiment)
    {
        var faults = new List<string>();
        void Names(string list, IReadOnlyList<ExperimentVariant> variants)
        {
            if (variants.Count == 0)
                faults.Add($"{list} is empty; at least one is needed.");
            foreach (var name in variants.Select(v => v.Name).Where(n => !IsName(n)))
                faults.Add($"{list}: the name '{name}' is part of a folder's name: 1 to 100 letters, digits, '-', '_' and '.', not "
                    + "starting with '.'.");
            foreach (var twice in variants.GroupBy(v => v.Name, StringComparer.OrdinalIgnoreCase).Where(g => g.Count() > 1))
                faults.Add($"{list}: the name '{twice.Key}' occurs {twice.Count()} times; every one needs a name of its own.");
        }
        if (!IsName(experiment.Name))
            faults.Add($"name is '{experiment.Name}'; it is part of a folder's name: 1 to 100 letters, digits, '-', '_' and '.', not "
                + "starting with '.'.");
        Names("bases", experiment.Bases);
        Names("arms", experiment.Arms);
        if (experiment.Arms.Any(a => a.Name == ExperimentCell.Before))
            faults.Add($"arms: the name '{ExperimentCell.Before}' stands for the base model before training; choose another.");
        if (experiment.Arms.All(a => a.Name != experiment.Baseline))
            faults.Add($"baseline is '{experiment.Baseline}'; it must be one of the arms: "
                + $"{string.Join(", ", experiment.Arms.Select(a => a.Name))}.");
        foreach (var contrast in experiment.Contrasts)
            foreach (var name in new[] { contrast.Arm, contrast.Against }.Where(n => experiment.Arms.All(a => a.Name != n)))
                faults.Add($"contrasts: there is no arm '{name}'; there are: {string.Join(", ", experiment.Arms.Select(a => a.Name))}.");
        if (experiment.Seeds.Count == 0)
            faults.Add("seeds is empty; at least one is needed, and 3 make an interval worth reading.");
        foreach (var twice in experiment.Seeds.GroupBy(s => s).Where(g => g.Count() > 1))
            faults.Add($"seeds holds {twice.Key} {twice.Count()} times; a seed decides a run, so the second would be the first again.");
        foreach (var (place, settings) in experiment.Bases.Select(b => ($"bases: {b.Name}", b.Settings))
            .Concat(experiment.Arms.Select(a => ($"arms: {a.Name}", a.Settings)))
            .Prepend(("run", experiment.Run)))
        {
            faults.AddRange(ConfigSettings.Unknown(settings).Select(f => $"{place}: {f}"));
            faults.AddRange(Given.Where(settings.ContainsKey).Select(g => $"{place}: '{g}' is given by the experiment; leave it out."));
        }
        faults.AddRange(experiment.Geometry?.Faults() ?? []);
        return faults;
    }

    private static RunConfig? Resolve(
        Experiment experiment,
        ExperimentVariant start,
        ExperimentVariant arm,
        ulong seed,
        List<string> faults)
    {
        var source = $"{start.Name} / {arm.Name}";
        try
        {
            var config = RunConfigFile.Parse(
                ExperimentCell.Merged(ExperimentCell.Merged(experiment.Run, start.Settings), arm.Settings),
                source) with
            { Name = arm.Name, Seed = seed };
            faults.AddRange(RunConfigRules.Faults(config).Select(f => $"{source}: {f}"));
            return config;
        }
        catch (InputException e)
        {
            faults.Add(e.Message);
            return null;
        }
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= 100 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && name[0] != '.';
}
