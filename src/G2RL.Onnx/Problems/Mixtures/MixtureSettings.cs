using System.Text.Json;

namespace G2RL.Onnx.Problems.Mixtures;

/// <summary>A <see cref="Mixture"/>: several problem sets in one run, each with its own judge.</summary>
public sealed record MixtureSettings
{
    /// <summary>The sets, at least one.</summary>
    public IReadOnlyList<MixtureSource> Sources { get; init; } = [];

    /// <summary>The settings themselves when every rule holds.</summary>
    /// <exception cref="InputException">One or more rules are broken; all are reported.</exception>
    public MixtureSettings Validated()
    {
        var faults = new List<string>();
        if (Sources.Count == 0)
            faults.Add("problems.settings.sources is empty; a mixture needs at least one source, for example { \"set\": "
                + "\"gsm8k\", \"weight\": 1, \"settings\": { ... } }.");
        for (var i = 0; i < Sources.Count; i++)
        {
            // The reader sees no null within a list.
            if (Sources[i] is null)
            {
                faults.Add($"problems.settings.sources[{i}] is null; it must be an object with the name of a set.");
                continue;
            }
            if (!(Sources[i].Weight > 0) || !double.IsFinite(Sources[i].Weight))
                faults.Add($"problems.settings.sources[{i}].weight is {Sources[i].Weight}; it must be above 0 and finite.");
            if (Sources[i].Set == Mixture.SetName)
                faults.Add($"problems.settings.sources[{i}].set is {Mixture.SetName}; a mixture has no mixtures within.");
            if (Sources[i].Label.Contains('/', StringComparison.Ordinal))
                faults.Add($"problems.settings.sources[{i}].name is '{Sources[i].Name}'; "
                    + "it stands in front of ids, so it must not contain '/'.");
        }
        foreach (var twice in Sources.Where(s => s is not null).GroupBy(s => s.Label).Where(g => g.Count() > 1))
            faults.Add($"problems.settings.sources has {twice.Count()} sources named '{twice.Key}'; give each a name of its own.");
        return faults.Count == 0 ? this : throw InputException.Of(faults);
    }
}

/// <summary>One set of a mixture.</summary>
public sealed record MixtureSource
{
    /// <summary>A name in <c>ProblemSets</c>.</summary>
    public string Set { get; init; } = "";

    /// <summary>Stands in front of its problems' ids; empty is the set's name.</summary>
    public string Name { get; init; } = "";

    /// <summary>Its share of every batch, in proportion to the others' weights; above 0.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>The set's own settings.</summary>
    public JsonElement? Settings { get; init; }

    internal string Label => Name.Length > 0 ? Name : Set;
}
