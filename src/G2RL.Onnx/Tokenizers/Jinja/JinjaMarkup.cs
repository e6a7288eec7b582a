using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>
/// A text that was declared safe (<c>x|safe</c>): what is joined to it is escaped first, as MarkupSafe's <c>Markup</c> does, and the result
/// is safe again.
/// </summary>
/// <param name="text">The text.</param>
internal sealed class Markup(string text)
{
    // Methods and filters whose result is safe when their text is. The others give plain values.
    private static readonly HashSet<string> Methods = ["capitalize", "center", "format", "join", "ljust", "lower", "lstrip", "partition",
        "removeprefix", "removesuffix", "replace", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "strip", "swapcase",
        "title", "upper", "zfill"];
    private static readonly HashSet<string> Filters = ["capitalize", "center", "format", "indent", "lower", "reverse", "string", "trim",
        "upper"];

    /// <summary>The text.</summary>
    public string Text => text;

    /// <summary>A value as a text whose characters of HTML are entities, unless it is safe.</summary>
    public static string Escape(object? value) => value is Markup safe ? safe.Text : Escape(JinjaValue.Text(value));

    /// <summary>A text as a safe one takes it in; any other value as it is.</summary>
    public static object? Escaped(object? value) => value is string or Markup ? Escape(value) : value;

    /// <summary>A text without its safety; any other value as it is.</summary>
    public static object? Plain(object? value) => value is Markup safe ? safe.Text : value;

    /// <summary>What a method of a safe text gives.</summary>
    public static object? OfMethod(string method, object? result) => Methods.Contains(method) ? Safe(result) : result;

    /// <summary>What a filter of a safe text gives.</summary>
    public static object? OfFilter(string filter, object? result) => Filters.Contains(filter) ? Safe(result) : result;

    /// <summary>The escape of MarkupSafe.</summary>
    public static string Escape(string text)
    {
        if (text.AsSpan().IndexOfAny("&<>'\"") < 0)
            return text;
        var escaped = new StringBuilder(text.Length + 16);
        foreach (var c in text)
            _ = c switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '\'' => escaped.Append("&#39;"),
                '"' => escaped.Append("&#34;"),
                _ => escaped.Append(c),
            };
        return escaped.ToString();
    }

    private static object? Safe(object? value) => value switch
    {
        string text => new Markup(text),
        JinjaTuple parts => new JinjaTuple(parts.ConvertAll(Safe)),
        List<object?> parts => parts.ConvertAll(Safe),
        _ => value,
    };
}
