using G2RL.Onnx.Tokenizers.Jinja.Parsing;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>
/// A Jinja template of the kind that checkpoints bring for their conversations. The subset that they use; everything else is refused by name. Steps, text and
/// nesting are bounded, and nothing of the machine can be reached.
/// </summary>
internal sealed class JinjaTemplate
{
    private const int LongestTemplate = 1 << 18;

    private readonly List<Statement> _body;

    /// <param name="source">The template.</param>
    /// <exception cref="InputException">A mistake in it (the line is named), or something that is not implemented.</exception>
    public JinjaTemplate(string source)
    {
        if (source.Length > LongestTemplate)
            throw new InputException($"The chat template has {source.Length} characters; {LongestTemplate} is the most.");
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        // Jinja drops the newline at a template's end.
        _body = new JinjaParser(source.EndsWith('\n') ? source[..^1] : source).Parse();
    }

    /// <summary>The text for some variables.</summary>
    /// <exception cref="InputException">The template raises an exception, makes a mistake, or reaches a bound.</exception>
    public string Render(IEnumerable<KeyValuePair<string, object?>> variables)
    {
        var run = new JinjaRun();
        var scope = new Scope(null)
        {
            ["raise_exception"] = (Callable)((a, _) => throw new InputException($"The chat template refuses the conversation: {JinjaValue.Text(a.FirstOrDefault())}")),
            ["strftime_now"] = (Callable)((_, _) => throw new InputException("The chat template asks for today's date (strftime_now), which would make prompts differ from day to day. Give it as a variable, as the template allows, often date_string.")),
            ["namespace"] = (Callable)((_, named) =>
            {
                var space = new Namespace();
                foreach (var (name, value) in named)
                    space.Attributes[name] = value;
                return space;
            }),
            ["dict"] = (Callable)((_, named) => new OrderedDictionary<string, object?>(named, StringComparer.Ordinal)),
            ["range"] = (Callable)((a, _) => Range(run, a)),
        };
        foreach (var (name, value) in variables)
            scope[name] = value;
        Statement.RunAll(_body, run, scope);
        return run.Output.ToString();
    }

    private static List<object?> Range(JinjaRun run, List<object?> arguments)
    {
        var (start, stop, step) = arguments switch
        {
            [long n] => (0L, n, 1L),
            [long a, long b] => (a, b, 1L),
            [long a, long b, long s and not 0] => (a, b, s),
            _ => throw new InputException("The chat template's range needs one to three integers, the step not 0."),
        };
        var result = new List<object?>();
        for (var i = (Int128)start; step > 0 ? i < stop : i > stop; i += step)
        {
            run.Charge(16);
            result.Add((long)i);
        }

        return result;
    }
}
