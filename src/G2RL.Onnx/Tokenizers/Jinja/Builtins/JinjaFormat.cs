using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>Python's two ways to format: <c>'{:>4}'.format(x)</c> and <c>'%4s' % x</c>.</summary>
internal static class JinjaFormat
{
    /// <summary>The method <c>format</c> of a text.</summary>
    /// <param name="run">What is left to spend.</param>
    /// <param name="text">The text with its fields in braces.</param>
    /// <param name="placed">Arguments by place.</param>
    /// <param name="named">Arguments by name.</param>
    /// <exception cref="InputException">
    /// Braces that do not match, a field without its argument, or a way of writing that is not here.
    /// </exception>
    public static string Braces(JinjaRun run, string text, List<object?> placed, Dictionary<string, object?> named)
    {
        var result = new StringBuilder();
        var automatic = 0;
        for (var at = 0; at < text.Length; at++)
        {
            var c = text[at];
            if (c is '{' or '}' && at + 1 < text.Length && text[at + 1] == c)
            {
                result.Append(c);
                at++;
            }
            else if (c == '{')
            {
                var end = text.IndexOf('}', at);
                if (end < 0)
                    throw Wrong(text, "a field has no end");
                result.Append(Field(run, text, text[(at + 1)..end], placed, named, ref automatic));
                at = end;
            }
            else
            {
                result.Append(c != '}' ? c : throw Wrong(text, "'}' stands alone"));
            }
        }

        run.Charge(result.Length);
        return result.ToString();
    }

    private static string Field(
        JinjaRun run,
        string text,
        string field,
        List<object?> placed,
        Dictionary<string, object?> named,
        ref int automatic)
    {
        if (field.Contains('{', StringComparison.Ordinal))
            throw Wrong(text, "a field within a field is not implemented");
        var colon = field.IndexOf(':', StringComparison.Ordinal);
        var (name, form) = colon < 0 ? (field, "") : (field[..colon], field[(colon + 1)..]);
        var bang = name.IndexOf('!', StringComparison.Ordinal);
        var conversion = bang < 0 ? "" : name[(bang + 1)..];
        name = bang < 0 ? name : name[..bang];
        var dot = name.AsSpan().IndexOfAny('.', '[');
        var first = dot < 0 ? name : name[..dot];
        var value = long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var place)
            ? Placed(text, placed, place)
            : first.Length == 0
                ? Placed(text, placed, automatic++)
                : named.TryGetValue(first, out var given) ? given : throw Wrong(text, $"nothing is given for '{first}'");
        if (dot >= 0)
            value = Path(run, text, value, name[dot..]);
        value = conversion switch
        {
            "" => value,
            "s" => JinjaValue.Text(value),
            "r" => Represented(value),
            _ => throw Wrong(text, $"the conversion '!{conversion}' is not implemented; !s and !r are"),
        };
        return FormatSpec.Apply(run, value, form);
    }

    private static object? Placed(string text, List<object?> placed, long place) =>
        place < placed.Count ? placed[(int)place] : throw Wrong(text, $"nothing is given at place {place}");

    // What stands behind the argument of a field: .name and [key], any number of them.
    private static object? Path(JinjaRun run, string text, object? value, string path)
    {
        while (path.Length > 0)
        {
            var dotted = path[0] == '.';
            var end = dotted ? path.AsSpan(1).IndexOfAny('.', '[') + 1 : path.IndexOf(']', StringComparison.Ordinal);
            end = end <= 0 ? dotted ? path.Length : throw Wrong(text, "'[' has no end") : end;
            var key = path[1..end];
            var index = long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && !dotted;
            value = JinjaMembers.Get(run, value, index ? number : key, dotted);
            path = path[(dotted ? end : end + 1)..];
        }

        return value;
    }

    /// <summary>A text by the older rules: <c>'%s is %5.2f' % (a, b)</c>.</summary>
    /// <param name="run">What is left to spend.</param>
    /// <param name="text">The text.</param>
    /// <param name="values">One value for each conversion, in order; null where values come by name.</param>
    /// <param name="named">The values of <c>%(name)s</c>; null where values come in order.</param>
    /// <exception cref="InputException">A conversion that is not implemented, or too few or too many values.</exception>
    public static string Percent(JinjaRun run, string text, List<object?>? values, JinjaMapping? named)
    {
        var result = new StringBuilder();
        var used = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] != '%')
            {
                result.Append(text[at]);
                continue;
            }

            at++;
            object? value = null;
            var byName = at < text.Length && text[at] == '(';
            if (byName)
            {
                var end = text.IndexOf(')', at);
                var key = end < 0 ? throw Wrong(text, "'(' has no end") : text[(at + 1)..end];
                if (named is null || !named.TryGetValue(key, out value))
                    throw Wrong(text, $"nothing is given for '{key}'");
                at = end + 1;
            }

            var start = at;
            while (at < text.Length && "-+ #0123456789.".Contains(text[at], StringComparison.Ordinal))
                at++;
            if (at == text.Length)
                throw Wrong(text, "'%' has no type");
            var (flags, type) = (text[start..at], text[at]);
            if (type == '%' && flags.Length == 0)
            {
                result.Append('%');
                continue;
            }

            if (!byName)
                value = used < values?.Count ? values[used++] : throw Wrong(text, "there are fewer values than fields");
            result.Append(Conversion(run, text, value, flags, type));
        }

        run.Charge(result.Length);
        return values is null || used == values.Count ? result.ToString() : throw Wrong(text, "there are more values than fields");
    }

    // The same as a format specification: its flags stand in another order, and texts are put to the right.
    private static string Conversion(JinjaRun run, string text, object? value, string flags, char type)
    {
        value = Markup.Plain(value);
        var digits = flags.AsSpan().IndexOfAnyInRange('1', '9') is var d && d < 0 ? flags.IndexOf('.', StringComparison.Ordinal) : d;
        var (marks, size) = digits < 0 ? (flags, "") : (flags[..digits], flags[digits..]);
        if (marks.Contains('.', StringComparison.Ordinal))
            throw Wrong(text, $"'%{flags}{type}' is not implemented");
        var left = marks.Contains('-', StringComparison.Ordinal);
        switch (type)
        {
            case 's' or 'r':
                value = type == 's' ? JinjaValue.Text(value) : Represented(value);
                return FormatSpec.Apply(run, value, (left ? "<" : ">") + size);
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o' or 'f' or 'F' when JinjaValue.Number(value) is { } number:
                if (type is 'd' or 'i' or 'u' && value is double)
                    value = number is >= -9e18 and <= 9e18 ? (long)number : throw Wrong(text, "the number is beyond 64 bits");
                var sign = marks.Contains('+', StringComparison.Ordinal) ? "+" : marks.Contains(' ', StringComparison.Ordinal) ? " " : "";
                var zero = marks.Contains('0', StringComparison.Ordinal) && !left ? "0" : "";
                var hash = marks.Contains('#', StringComparison.Ordinal) ? "#" : "";
                return FormatSpec.Apply(run, value, (left ? "<" : "") + sign + hash + zero + size + (type is 'i' or 'u' ? 'd' : type));
            default:
                throw Wrong(text, $"'%{flags}{type}' is not implemented for {JinjaValue.Kind(value)}; s, r, d, i, u, x, X, o, f, F are");
        }
    }

    // Python's repr: what a list writes of its entry.
    private static string Represented(object? value) => JinjaValue.Text(new List<object?> { value })[1..^1];

    /// <summary>A mistake in a text with fields, or in a field.</summary>
    public static InputException Wrong(string text, string rule) =>
        new($"The chat template formats by '{(text.Length > 40 ? text[..40] + "..." : text)}': {rule}.");
}
