namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>The tests (<c>x is defined</c>) that chat templates use.</summary>
internal static class JinjaTests
{
    private static readonly Dictionary<string, Func<JinjaRun, object?, List<object?>, bool>> All = new(StringComparer.Ordinal)
    {
        ["!="] = Compared("!="),
        ["<"] = Compared("<"),
        ["<="] = Compared("<="),
        ["=="] = Compared("=="),
        [">"] = Compared(">"),
        [">="] = Compared(">="),
        ["boolean"] = (_, v, _) => v is bool,
        ["callable"] = (_, v, _) => v is Callable,
        ["defined"] = (_, v, _) => v is not Undefined,
        ["divisibleby"] = (run, v, a) => JinjaValue.Same(run, JinjaOperators.Apply(run, "%", v, a.FirstOrDefault()), 0L),
        ["eq"] = Compared("=="),
        ["equalto"] = Compared("=="),
        ["escaped"] = (_, v, _) => v is Markup,
        ["even"] = (run, v, _) => JinjaValue.Same(run, JinjaOperators.Apply(run, "%", v, 2L), 0L),
        ["false"] = (_, v, _) => v is false,
        ["filter"] = (_, v, _) => v is string name && JinjaFilters.Knows(name),
        ["float"] = (_, v, _) => v is double,
        ["ge"] = Compared(">="),
        ["greaterthan"] = Compared(">"),
        ["gt"] = Compared(">"),
        ["in"] = (run, v, a) => JinjaOperators.Holds(run, a.FirstOrDefault(), v),
        ["integer"] = (_, v, _) => v is long,
        ["iterable"] = (_, v, _) => v is string or List<object?> or JinjaMapping or Undefined,
        ["le"] = Compared("<="),
        ["lessthan"] = Compared("<"),
        ["lower"] = (_, v, _) => JinjaValue.Text(v) is var text && text.Any(char.IsLetter) && !text.Any(char.IsUpper),
        ["lt"] = Compared("<"),
        ["mapping"] = (_, v, _) => v is JinjaMapping,
        ["ne"] = Compared("!="),
        ["none"] = (_, v, _) => v is null,
        ["number"] = (_, v, _) => v is long or double or bool,
        ["odd"] = (run, v, _) => JinjaValue.Same(run, JinjaOperators.Apply(run, "%", v, 2L), 1L),
        ["sameas"] = (_, v, a) => a.FirstOrDefault() is var other && (ReferenceEquals(v, other) || (v is bool or null && Equals(v, other))),
        ["sequence"] = (_, v, _) => v is string or List<object?> or JinjaMapping or Undefined,
        ["string"] = (_, v, _) => v is string,
        ["test"] = (_, v, _) => v is string name && Knows(name),
        ["true"] = (_, v, _) => v is true,
        ["undefined"] = (_, v, _) => v is Undefined,
        ["upper"] = (_, v, _) => JinjaValue.Text(v) is var text && text.Any(char.IsLetter) && !text.Any(char.IsLower),
    };

    private static Func<JinjaRun, object?, List<object?>, bool> Compared(string op) =>
        (run, value, arguments) => JinjaOperators.Compare(run, op, value, arguments.FirstOrDefault());

    /// <summary>Whether there is such a test.</summary>
    public static bool Knows(string name) => All.ContainsKey(name);

    /// <summary>The names of all tests.</summary>
    public static string Names => string.Join(", ", All.Keys);

    /// <summary>A test's answer.</summary>
    /// <exception cref="InputException">No such test, or a value that it does not take.</exception>
    public static bool Holds(JinjaRun run, string name, object? value, List<object?> arguments) =>
        All.TryGetValue(name, out var test)
            ? test(run, name == "escaped" ? value : Markup.Plain(value), arguments.ConvertAll(Markup.Plain))
            : throw new InputException($"The chat template uses the test '{name}', which is not implemented; {Names} are.");
}
