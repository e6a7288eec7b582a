using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>
/// One rendering: what has been written, and what is left to spend. Templates come with checkpoints, so they are hostile until shown
/// otherwise.
/// </summary>
internal sealed class JinjaRun
{
    /// <summary>The deepest nesting of a template's parts, and of their evaluation.</summary>
    public const int DeepestNesting = 64, DeepestEvaluation = 600;

    private const int MostSteps = 2_000_000;
    private const long MostCharacters = 1L << 25;

    private long characters;
    private int steps;
    private int depth;

    /// <summary>What has been written.</summary>
    public StringBuilder Output { get; set; } = new();

    /// <summary>Counts one step down the tree; <see cref="Leave"/> goes up.</summary>
    /// <exception cref="InputException">Too many steps, or too deep.</exception>
    public void Enter()
    {
        if (++steps > MostSteps)
            throw new InputException($"The chat template takes more than {MostSteps} steps.");
        if (++depth > DeepestEvaluation)
            throw new InputException($"The chat template nests more than {DeepestEvaluation} deep.");
    }

    /// <summary>Undoes <see cref="Enter"/>.</summary>
    public void Leave() => depth--;

    /// <summary>Counts characters or list entries before they are made.</summary>
    /// <exception cref="InputException">Too many in all.</exception>
    public void Charge(long more)
    {
        characters += Math.Max(0, more);
        if (characters > MostCharacters)
            throw new InputException($"The chat template makes more than {MostCharacters} characters of text.");
    }

    /// <summary>Writes.</summary>
    public void Write(string text)
    {
        Charge(text.Length);
        Output.Append(text);
    }
}

/// <summary>Names and their values; an inner scope's assignments end with it.</summary>
/// <param name="outer">The scope around it.</param>
internal sealed class Scope(Scope? outer)
{
    private readonly Dictionary<string, object?> values = new(StringComparer.Ordinal);

    /// <summary>The value of a name.</summary>
    public object? this[string name]
    {
        get
        {
            for (var scope = this; scope is not null; scope = scope.Outer)
                if (scope.values.TryGetValue(name, out var value))
                    return value;
            return new Undefined(name);
        }
        set => values[name] = value;
    }

    private Scope? Outer { get; } = outer;
}
