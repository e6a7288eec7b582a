using G2RL.Onnx.Tokenizers.Jinja.Parsing;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>
/// A Jinja template of the kind that checkpoints bring for their conversations. The subset that they use; everything else is refused by
/// name. Steps, text and
/// nesting are bounded, and nothing of the machine can be reached.
/// </summary>
internal sealed class JinjaTemplate
{
    private const int LongestTemplate = 1 << 18;

    private readonly List<Statement> body;

    /// <param name="source">The template.</param>
    /// <exception cref="InputException">A mistake in it (the line is named), or something that is not implemented.</exception>
    public JinjaTemplate(string source)
    {
        if (source.Length > LongestTemplate)
            throw new InputException($"The chat template has {source.Length} characters; {LongestTemplate} is the most.");
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        // Jinja drops the newline at a template's end.
        body = new JinjaParser(source.EndsWith('\n') ? source[..^1] : source).Parse();
    }

    /// <summary>The text for some variables.</summary>
    /// <param name="variables">The variables.</param>
    /// <param name="date">What <c>strftime_now</c> tells; null refuses it.</param>
    /// <exception cref="InputException">The template raises an exception, makes a mistake, or reaches a bound.</exception>
    public string Render(IEnumerable<KeyValuePair<string, object?>> variables, DateTime? date = null)
    {
        var run = new JinjaRun();
        var scope = new Scope(null)
        {
            ["raise_exception"] = (Callable)((a, _) =>
                throw new InputException($"The chat template refuses the conversation: {JinjaValue.Text(a.FirstOrDefault())}")),
            ["strftime_now"] = (Callable)((a, _) => date is null
                ? throw new InputException("The chat template asks for today's date (strftime_now), which makes prompts differ from day to "
                    + "day. Give a fixed one by problems.date, such as problems.date=2024-07-26, or the variable that the template takes "
                    + "instead, often date_string, by problems.templateVariables.")
                : a is [string format]
                    ? TemplateDate.Format(date.Value, format)
                    : throw new InputException("The chat template calls strftime_now without a format.")),
            ["namespace"] = (Callable)((_, named) =>
            {
                var space = new Namespace();
                foreach (var (name, value) in named)
                    space.Attributes[name] = value;
                return space;
            }),
            ["dict"] = (Callable)((_, named) =>
            {
                var mapping = new JinjaMapping();
                foreach (var (name, value) in named)
                    mapping[name] = value;
                return mapping;
            }),
            ["range"] = (Callable)((a, _) => Range(run, a)),
        };
        foreach (var (name, value) in variables)
            scope[name] = value;
        Statement.RunAll(body, run, scope);
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
