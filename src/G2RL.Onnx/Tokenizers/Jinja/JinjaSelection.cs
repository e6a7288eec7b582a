using System.Globalization;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>The filters that run another filter or a test over entries: map, select, reject, and the latter two by attribute.</summary>
internal static class JinjaSelection
{
    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = ["map", "reject", "rejectattr", "select", "selectattr"];

    /// <summary>Whether there is such a filter.</summary>
    public static bool Knows(string name) => Names.Contains(name);

    /// <summary>A filter's result.</summary>
    /// <exception cref="InputException">A value or argument that it does not take.</exception>
    public static List<object?> Apply(JinjaRun run, string name, object? value, List<object?> arguments, Dictionary<string, object?> named)
    {
        // Jinja runs over nothing when the value is false, None and 0 among them.
        if (!JinjaValue.True(value))
            return [];
        var entries = JinjaMembers.Entries(run, value);
        run.Charge(entries.Count);
        if (name == "map")
            return Map(run, entries, arguments, named);
        if (named.Count > 0)
            throw new InputException($"The chat template gives {name} the argument '{named.Keys.First()}'; "
                + "arguments by name are not implemented there.");
        var keep = name.StartsWith("select", StringComparison.Ordinal);
        if (!name.EndsWith("attr", StringComparison.Ordinal))
            return entries.FindAll(e => Holds(run, e, arguments) == keep);
        if (arguments is not [string attribute, .. var rest])
            throw new InputException($"The chat template's {name} names no attribute.");
        return entries.FindAll(e => Holds(run, Attribute(run, e, attribute), rest) == keep);
    }

    /// <summary>An attribute of each entry; the entries themselves for null.</summary>
    public static List<object?> Attributes(JinjaRun run, List<object?> entries, object? attribute)
    {
        run.Charge(entries.Count);
        return entries.ConvertAll(e => Attribute(run, e, attribute));
    }

    /// <summary>What an attribute such as <c>function.name</c> or <c>0</c> leads to; the value itself for null.</summary>
    public static object? Attribute(JinjaRun run, object? value, object? attribute)
    {
        if (attribute is not string path)
            return attribute is null ? value : JinjaMembers.Get(run, value, attribute, dotted: false);
        foreach (var part in path.Split('.'))
            value = JinjaMembers.Get(
                run,
                value,
                long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : part,
                dotted: false);
        return value;
    }

    private static List<object?> Map(JinjaRun run, List<object?> entries, List<object?> arguments, Dictionary<string, object?> named)
    {
        if (arguments is [] && named.TryGetValue("attribute", out var attribute))
        {
            if (named.Keys.FirstOrDefault(k => k is not ("attribute" or "default")) is { } other)
                throw new InputException($"The chat template gives map the argument '{other}'; attribute and default can be given.");
            return entries.ConvertAll(e => Attribute(run, e, attribute) is var found
                && found is Undefined
                && named.TryGetValue("default", out var absent) ? absent : found);
        }

        if (arguments is not [string name, .. var rest] || !JinjaFilters.Knows(name) || name == "map")
            throw new InputException("The chat template's map names neither an attribute nor a filter that is implemented.");
        return entries.ConvertAll(e => JinjaFilters.Apply(run, name, e, rest, named));
    }

    private static bool Holds(JinjaRun run, object? value, List<object?> arguments) => arguments switch
    {
        [] => JinjaValue.True(value),
        [string test, .. var rest] => JinjaTests.Holds(run, test, value, rest),
        _ => throw new InputException("The chat template selects by a test whose name is no text."),
    };
}
