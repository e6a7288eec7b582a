using System.Globalization;
using System.Text;
using System.Text.Json;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>The value of a name that nobody set.</summary>
/// <param name="Name">The name, for messages.</param>
internal sealed record Undefined(string Name);

/// <summary>A <c>namespace()</c>: the only thing that an inner scope may change.</summary>
internal sealed class Namespace
{
    /// <summary>Its attributes.</summary>
    public Dictionary<string, object?> Attributes { get; } = new(StringComparer.Ordinal);
}

/// <summary>Python's tuple: a list in everything but how it is written and what it equals.</summary>
/// <param name="items">Its entries.</param>
internal class JinjaTuple(IEnumerable<object?> items) : List<object?>(items);

/// <summary>What can be called, with arguments by place and by name.</summary>
internal delegate object? Callable(List<object?> arguments, Dictionary<string, object?> named);

/// <summary>
/// Values as Python has them: null is None, then <see cref="bool"/>, <see cref="long"/>, <see cref="double"/>, <see cref="string"/>, lists,
/// dictionaries that
/// keep their order, <see cref="Undefined"/>, <see cref="Namespace"/> and <see cref="Callable"/>.
/// </summary>
internal static class JinjaValue
{
    /// <summary>Whether a condition holds.</summary>
    public static bool True(object? value) => value switch
    {
        null or Undefined => false,
        bool b => b,
        long n => n != 0,
        double d => d != 0,
        string s => s.Length > 0,
        Markup m => m.Text.Length > 0,
        List<object?> l => l.Count > 0,
        JinjaMapping o => o.Count > 0,
        _ => true,
    };

    /// <summary>Python's <c>==</c>.</summary>
    /// <exception cref="InputException">Values nested too deep, or too many of them.</exception>
    public static bool Same(JinjaRun run, object? a, object? b, int level = 0)
    {
        run.Charge(1);
        if (level > JinjaRun.DeepestNesting)
            throw new InputException($"The chat template compares values of more than {JinjaRun.DeepestNesting} levels.");
        if (ReferenceEquals(a, b))
            return true;
        (a, b) = (Markup.Plain(a), Markup.Plain(b));
        if (Number(a) is { } first && Number(b) is { } second)
            return first.Equals(second);
        return (a, b) switch
        {
            (Undefined, Undefined) => true,
            (string x, string y) => x.Length == y.Length && SameText(run, x, y),
            (List<object?> x, List<object?> y) =>
                x is JinjaTuple == y is JinjaTuple && x.Count == y.Count && x.Zip(y).All(p => Same(run, p.First, p.Second, level + 1)),
            (JinjaMapping x, JinjaMapping y) =>
                x.Count == y.Count && x.All(p => y.TryGetValue(p.Key, out var other) && Same(run, p.Value, other, level + 1)),
            _ => false,
        };
    }

    // Texts are compared so much faster than they are made that a sixteenth is fair.
    private static bool SameText(JinjaRun run, string x, string y)
    {
        run.Charge(x.Length / 16);
        return string.Equals(x, y, StringComparison.Ordinal);
    }

    /// <summary>A number, true and false being 1 and 0; null for anything else.</summary>
    public static double? Number(object? value) => value switch
    {
        bool b => b ? 1 : 0,
        long n => n,
        double d => d,
        _ => null,
    };

    /// <summary>Python's <c>str()</c>.</summary>
    public static string Text(object? value) => value switch
    {
        string s => s,
        Markup m => m.Text,
        Undefined => "",
        _ => Append(new StringBuilder(), value, 0).ToString(),
    };

    /// <summary>What kind of value it is, for messages.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "None",
        Undefined u => $"undefined ('{u.Name}')",
        bool => "a truth value",
        long or double => "a number",
        string or Markup => "a text",
        List<object?> => "a list",
        JinjaMapping => "a mapping",
        Namespace => "a namespace",
        _ => "a function",
    };

    /// <summary>JSON as a value.</summary>
    public static object? Of(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Number =>
            json.GetRawText().AsSpan().IndexOfAny("eE.") < 0 && json.TryGetInt64(out var integer) ? (object)integer : json.GetDouble(),
        JsonValueKind.Array => json.EnumerateArray().Select(Of).ToList(),
        JsonValueKind.Object => Mapping(json),
        _ => null,
    };

    /// <summary>Python's spelling of a floating-point number.</summary>
    public static string Float(double value)
    {
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        if (double.IsNaN(value))
            return "nan";
        if (double.IsInfinity(value))
            return value > 0 ? "inf" : "-inf";
        if (Math.Abs(value) is >= 1e16 or < 1e-4 and > 0)
        {
            var parts = text.Contains('E', StringComparison.Ordinal)
                ? text
                : value.ToString("0.################E+00", CultureInfo.InvariantCulture);
            return parts.Replace("E", "e", StringComparison.Ordinal);
        }

        if (text.Contains('E', StringComparison.Ordinal))
            text = value.ToString("0.####################", CultureInfo.InvariantCulture);
        return text.Contains('.', StringComparison.Ordinal) ? text : text + ".0";
    }

    /// <summary>Keeps a list that holds itself many times over from being written without end.</summary>
    /// <exception cref="InputException">Too long, or too deep.</exception>
    public static void CheckSize(StringBuilder text, int level)
    {
        if (text.Length > 1 << 24 || level > JinjaRun.DeepestNesting)
            throw new InputException($"The chat template writes a value of more than {1 << 24} characters or {JinjaRun.DeepestNesting} "
                + "levels.");
    }

    private static JinjaMapping Mapping(JsonElement json)
    {
        var mapping = new JinjaMapping();
        foreach (var property in json.EnumerateObject())
            mapping[property.Name] = Of(property.Value);
        return mapping;
    }

    private static StringBuilder Append(StringBuilder text, object? value, int level)
    {
        CheckSize(text, level);
        switch (value)
        {
            case null: return text.Append("None");
            case bool b: return text.Append(b ? "True" : "False");
            case long n: return text.Append(n.ToString(CultureInfo.InvariantCulture));
            case double d: return text.Append(Float(d));
            case string s:
                JinjaText.Represent(text, s);
                return text;
            case Markup m:
                JinjaText.Represent(text.Append("Markup("), m.Text);
                return text.Append(')');
            case List<object?> list:
                text.Append(list is JinjaTuple ? '(' : '[');
                for (var i = 0; i < list.Count; i++)
                    Append(i > 0 ? text.Append(", ") : text, list[i], level + 1);
                return text.Append(list is not JinjaTuple ? "]" : list.Count == 1 ? ",)" : ")");
            case JinjaMapping mapping:
                text.Append('{');
                for (var i = 0; i < mapping.Count; i++)
                {
                    var key = JinjaMapping.Shown(mapping.GetAt(i).Key);
                    Append(Append(i > 0 ? text.Append(", ") : text, key, level + 1).Append(": "), mapping.GetAt(i).Value, level + 1);
                }
                return text.Append('}');
            default:
                throw new InputException($"The chat template writes {Kind(value)} as text.");
        }
    }
}
