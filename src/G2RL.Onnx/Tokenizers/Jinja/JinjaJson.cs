using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>The filter <c>tojson</c> as chat templates have it: Python's <c>json.dumps</c> with <c>ensure_ascii=False</c>.</summary>
internal static class JinjaJson
{
    /// <summary>The JSON text.</summary>
    /// <param name="value">The value.</param>
    /// <param name="indent">Spaces a level, or null for one line.</param>
    /// <exception cref="InputException">The value holds something that JSON has not.</exception>
    public static string Write(object? value, int? indent)
    {
        var text = new StringBuilder();
        Write(text, value, indent, 0);
        return text.ToString();
    }

    private static void Write(StringBuilder text, object? value, int? indent, int level)
    {
        JinjaValue.CheckSize(text, level);
        switch (value)
        {
            case null: text.Append("null"); break;
            case bool b: text.Append(b ? "true" : "false"); break;
            case long n: text.Append(n.ToString(CultureInfo.InvariantCulture)); break;
            case double d: text.Append(JinjaValue.Float(d) switch { "nan" => "NaN", "inf" => "Infinity", "-inf" => "-Infinity", var number => number }); break;
            case string s: Quote(text, s); break;
            case List<object?> list:
                Group(text, '[', ']', list.Count, indent, level, i => Write(text, list[i], indent, level + 1));
                break;
            case OrderedDictionary<string, object?> mapping:
                Group(text, '{', '}', mapping.Count, indent, level, i =>
                {
                    Quote(text, mapping.GetAt(i).Key);
                    text.Append(": ");
                    Write(text, mapping.GetAt(i).Value, indent, level + 1);
                });
                break;
            default:
                throw new InputException($"The chat template writes {JinjaValue.Kind(value)} as JSON.");
        }
    }

    private static void Group(StringBuilder text, char open, char close, int count, int? indent, int level, Action<int> item)
    {
        text.Append(open);
        for (var i = 0; i < count; i++)
        {
            if (i > 0)
                text.Append(indent is null ? ", " : ",");
            NewLine(level + 1);
            item(i);
        }

        if (count > 0)
            NewLine(level);
        text.Append(close);

        void NewLine(int depth)
        {
            if (indent is not null)
                text.Append('\n').Append(' ', indent.Value * depth);
        }
    }

    private static void Quote(StringBuilder text, string value)
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
                < ' ' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        text.Append('"');
    }
}
