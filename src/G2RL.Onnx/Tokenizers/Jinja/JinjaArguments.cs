namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>The arguments of one call of a filter or method, by parameter.</summary>
/// <param name="what">Who is called, for messages.</param>
/// <param name="values">Values in the order of the parameters; what was not given is null and not in <paramref name="given"/>.</param>
/// <param name="given">Which were given.</param>
internal sealed class JinjaArguments(string what, object?[] values, bool[] given)
{
    /// <summary>The value of a parameter, or null.</summary>
    public object? this[int parameter] => values[parameter];

    /// <summary>Whether a parameter was given.</summary>
    public bool Has(int parameter) => given[parameter];

    /// <summary>A text that must be given.</summary>
    /// <exception cref="InputException">It is missing or no text.</exception>
    public string Text(int parameter) => values[parameter] as string ?? throw Wrong(parameter, "a text");

    /// <summary>A count, or another where none is given.</summary>
    /// <exception cref="InputException">It is no integer from 0 to <paramref name="most"/>.</exception>
    public int Count(int parameter, int most, int absent) => values[parameter] switch
    {
        null => absent,
        long n and >= 0 when n <= most => (int)n,
        _ => throw Wrong(parameter, $"an integer from 0 to {most}"),
    };

    /// <summary>Puts arguments into the order of the parameters.</summary>
    /// <exception cref="InputException">
    /// More than there are parameters, or a name that is none: leaving it out would change the text.
    /// </exception>
    public static JinjaArguments Bind(
        string what,
        string[] parameters,
        List<object?> placed,
        Dictionary<string, object?> named,
        bool raw = false)
    {
        if (placed.Count > parameters.Length)
            throw new InputException($"The chat template gives {what} {placed.Count} arguments; "
                + $"{(parameters.Length == 0 ? "none" : string.Join(", ", parameters))} can be given.");
        var (values, given) = (new object?[parameters.Length], new bool[parameters.Length]);
        for (var i = 0; i < placed.Count; i++)
            (values[i], given[i]) = (placed[i], true);
        foreach (var (name, value) in named)
        {
            var at = Array.IndexOf(parameters, name);
            if (at < 0 || given[at])
                throw new InputException($"The chat template gives {what} the argument '{name}'{(at < 0 ? "" : " twice")}; "
                    + $"{(parameters.Length == 0 ? "none" : string.Join(", ", parameters))} can be given.");
            (values[at], given[at]) = (value, true);
        }

        // A safe text is a text here, but where it is handed through.
        if (!raw)
            for (var i = 0; i < values.Length; i++)
                values[i] = Markup.Plain(values[i]);
        return new(what, values, given);
    }

    private InputException Wrong(int parameter, string rule) =>
        new($"The chat template gives {what} {JinjaValue.Kind(values[parameter])} as argument {parameter + 1}; it must be {rule}.");
}
