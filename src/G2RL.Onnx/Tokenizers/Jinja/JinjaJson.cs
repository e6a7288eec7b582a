using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>
/// The filter <c>tojson</c> as chat templates have it: Python's <c>json.dumps</c>, with <c>ensure_ascii=False</c> unless asked.
/// </summary>
internal static class JinjaJson
{
    private sealed record Style(bool Ascii, int? Indent, string Item, string Key, bool Sorted);

    /// <summary>The JSON text.</summary>
    /// <param name="value">The value.</param>
    /// <param name="arguments">ensure_ascii, indent, separators, sort_keys.</param>
    /// <exception cref="InputException">The value holds something that JSON has not, or an argument is of the wrong kind.</exception>
    public static string Write(object? value, JinjaArguments arguments)
    {
        int? indent = arguments[1] is null ? null : arguments.Count(1, 16, 0);
        var (item, key) = arguments[2] switch
        {
            null => (indent is null ? ", " : ",", ": "),
            List<object?> and [string first, string second] => (first, second),
            _ => throw new InputException("The chat template gives tojson separators that are not two texts."),
        };
        var text = new StringBuilder();
        Write(text, value, new Style(JinjaValue.True(arguments[0]), indent, item, key, JinjaValue.True(arguments[3])), 0);
        return text.ToString();
    }

    private static void Write(StringBuilder text, object? value, Style style, int level)
    {
        JinjaValue.CheckSize(text, level);
        switch (Markup.Plain(value))
        {
            case null: text.Append("null"); break;
            case bool b: text.Append(b ? "true" : "false"); break;
            case long n: text.Append(n.ToString(CultureInfo.InvariantCulture)); break;
            case double d:
                text.Append(JinjaValue.Float(d) switch
                {
                    "nan" =>
                "NaN",
                    "inf" => "Infinity",
                    "-inf" => "-Infinity",
                    var number => number
                }); break;
            case string s: Quote(text, s, style.Ascii); break;
            case List<object?> list:
                Group(text, '[', ']', list.Count, style, level, i => Write(text, list[i], style, level + 1));
                break;
            case JinjaMapping mapping:
                var order = Comparer<object>.Create((a, b) => JinjaOperators.Order(JinjaMapping.Shown(a), JinjaMapping.Shown(b)));
                object[] keys = style.Sorted ? [.. mapping.Keys.Order(order)] : [.. mapping.Keys];
                Group(text, '{', '}', keys.Length, style, level, i =>
                {
                    Quote(text, JinjaMapping.AsJson(keys[i]), style.Ascii);
                    text.Append(style.Key);
                    Write(text, mapping[keys[i]], style, level + 1);
                });
                break;
            default:
                throw new InputException($"The chat template writes {JinjaValue.Kind(value)} as JSON.");
        }
    }

    private static void Group(StringBuilder text, char open, char close, int count, Style style, int level, Action<int> item)
    {
        text.Append(open);
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
                text.Append(style.Item);
            NewLine(level + 1);
            item(i);
        }

        if (count > 0)
            NewLine(level);
        text.Append(close);

        void NewLine(int depth)
        {
            if (style.Indent is { } indent)
                text.Append('\n').Append(' ', indent * depth);
        }
    }

    private static void Quote(StringBuilder text, string value, bool ascii)
    {
        text.Append('"');
        foreach (var c in value)
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                < ' ' or >= '\x7F' when c < ' ' || (ascii && c >= '\x7F') => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        text.Append('"');
    }
}
