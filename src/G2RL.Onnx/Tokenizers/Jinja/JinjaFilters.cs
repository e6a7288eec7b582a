using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>The filters that chat templates use.</summary>
internal static class JinjaFilters
{
    private delegate object? Function(JinjaRun run, object? value, List<object?> arguments, Dictionary<string, object?> named);

    private static readonly Dictionary<string, Function> All = new(StringComparer.Ordinal)
    {
        ["abs"] = (_, v, _, _) => v is long n ? Math.Abs(Math.Max(n, -long.MaxValue)) : Math.Abs(JinjaValue.Number(v) ?? throw Wrong("abs", v)),
        ["capitalize"] = (_, v, _, _) => Capitalize(JinjaValue.Text(v)),
        ["count"] = (run, v, _, _) => Length(run, v),
        ["d"] = Default,
        ["default"] = Default,
        ["dictsort"] = (_, v, _, _) => JinjaMembers.Items(v as OrderedDictionary<string, object?> ?? throw Wrong("dictsort", v)).OrderBy(p => (string)((List<object?>)p!)[0]!, StringComparer.OrdinalIgnoreCase).ToList(),
        ["first"] = (run, v, _, _) => JinjaMembers.Entries(run, v) is [var first, ..] ? first : new Undefined("first"),
        ["float"] = (_, v, _, _) => JinjaValue.Number(v) ?? (double.TryParse(v as string, CultureInfo.InvariantCulture, out var d) ? d : 0),
        ["indent"] = Indent,
        ["int"] = (_, v, _, _) => v switch { long n => n, double and >= -9e18 and <= 9e18 => (long)(double)v, _ => JinjaValue.Number(v) is { } b ? (long)b : long.TryParse(v as string, CultureInfo.InvariantCulture, out var n) ? n : 0L },
        ["items"] = (_, v, _, _) => v is Undefined ? new List<object?>() : JinjaMembers.Items(v as OrderedDictionary<string, object?> ?? throw Wrong("items", v)),
        ["join"] = (run, v, a, n) => Join(run, Attributes(run, JinjaMembers.Entries(run, v), n), JinjaValue.Text(a.Count > 0 ? a[0] : n.GetValueOrDefault("d", ""))),
        ["last"] = (run, v, _, _) => JinjaMembers.Entries(run, v) is [.., var last] ? last : new Undefined("last"),
        ["length"] = (run, v, _, _) => Length(run, v),
        ["list"] = (run, v, _, _) => JinjaMembers.Entries(run, v).ToList(),
        ["lower"] = (_, v, _, _) => JinjaValue.Text(v).ToLowerInvariant(),
        ["map"] = Map,
        ["reject"] = (run, v, a, _) => Select(run, v, a, null, false),
        ["rejectattr"] = (run, v, a, _) => Select(run, v, a[1..], a.FirstOrDefault(), false),
        ["replace"] = (run, v, a, _) => Replace(run, JinjaValue.Text(v), a),
        ["reverse"] = (run, v, _, _) => Enumerable.Reverse(JinjaMembers.Entries(run, v)) is var reversed && v is string ? string.Concat(reversed) : reversed.ToList(),
        ["safe"] = (_, v, _, _) => v,
        ["select"] = (run, v, a, _) => Select(run, v, a, null, true),
        ["selectattr"] = (run, v, a, _) => Select(run, v, a[1..], a.FirstOrDefault(), true),
        ["sort"] = (run, v, _, _) => JinjaMembers.Entries(run, v).Order(Comparer<object?>.Create(JinjaOperators.Order)).ToList(),
        ["string"] = (_, v, _, _) => JinjaValue.Text(v),
        ["title"] = (_, v, _, _) => Title(JinjaValue.Text(v)),
        ["tojson"] = (_, v, a, n) => JinjaJson.Write(v, (a.Count > 0 ? a[0] : n.GetValueOrDefault("indent")) switch { null => null, long i and >= 0 and <= 16 => (int)i, var i => throw Wrong("tojson's indent", i) }),
        ["trim"] = (_, v, _, _) => JinjaValue.Text(v).Trim(),
        ["unique"] = (run, v, _, _) => Unique(run, JinjaMembers.Entries(run, v)),
        ["upper"] = (_, v, _, _) => JinjaValue.Text(v).ToUpperInvariant(),
    };

    /// <summary>Whether there is such a filter.</summary>
    public static bool Knows(string name) => All.ContainsKey(name);

    /// <summary>The names of all filters.</summary>
    public static string Names => string.Join(", ", All.Keys);

    /// <summary>A filter's result.</summary>
    /// <exception cref="InputException">A value or argument that the filter does not take.</exception>
    public static object? Apply(JinjaRun run, string name, object? value, List<object?> arguments, Dictionary<string, object?> named)
    {
        run.Charge(value is string text ? text.Length : 1);
        if (name is "selectattr" or "rejectattr" && arguments is not [string, ..])
            throw new InputException($"The chat template's {name} names no attribute.");
        var result = All[name](run, value, arguments, named);
        run.Charge(result is string made ? made.Length : 1);
        return result;
    }

    /// <summary>The first character large, the others small.</summary>
    public static string Capitalize(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    /// <summary>The first letter of each word large, the others small.</summary>
    public static string Title(string text)
    {
        var result = new StringBuilder(text.Length);
        var inside = false;
        foreach (var c in text)
        {
            result.Append(inside ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));
            inside = char.IsLetter(c);
        }

        return result.ToString();
    }

    /// <summary>Entries with a text between them.</summary>
    public static string Join(JinjaRun run, List<object?> entries, string separator)
    {
        var texts = entries.ConvertAll(JinjaValue.Text);
        run.Charge(texts.Sum(t => (long)t.Length + separator.Length));
        return string.Join(separator, texts);
    }

    /// <summary>Each occurrence replaced.</summary>
    public static string Replace(JinjaRun run, string text, List<object?> arguments)
    {
        if (arguments is not [string { Length: > 0 } old, string with])
            throw new InputException("The chat template's replace needs two texts, the first not empty.");
        run.Charge(text.Length + (text.Length / old.Length * (long)with.Length));
        return text.Replace(old, with, StringComparison.Ordinal);
    }

    private static long Length(JinjaRun run, object? value) => value is OrderedDictionary<string, object?> mapping ? mapping.Count : JinjaMembers.Entries(run, value).Count;

    private static object? Default(JinjaRun run, object? value, List<object?> arguments, Dictionary<string, object?> named)
    {
        var also = JinjaValue.True(arguments.Count > 1 ? arguments[1] : named.GetValueOrDefault("boolean"));
        return value is Undefined || (also && !JinjaValue.True(value)) ? (arguments.Count > 0 ? arguments[0] : named.GetValueOrDefault("default_value", "")) : value;
    }

    private static string Indent(JinjaRun run, object? value, List<object?> arguments, Dictionary<string, object?> named)
    {
        var width = arguments.Count > 0 ? arguments[0] : named.GetValueOrDefault("width", 4L);
        var first = JinjaValue.True(arguments.Count > 1 ? arguments[1] : named.GetValueOrDefault("first"));
        var blank = JinjaValue.True(arguments.Count > 2 ? arguments[2] : named.GetValueOrDefault("blank"));
        var space = width switch { string s => s, long n and >= 0 and <= 1000 => new string(' ', (int)n), _ => throw Wrong("indent's width", width) };
        var lines = JinjaValue.Text(value).Split('\n');
        run.Charge(lines.Length * (long)space.Length);
        return string.Join('\n', lines.Select((l, i) => (i == 0 ? first : blank || l.Length > 0) ? space + l : l));
    }

    private static List<object?> Map(JinjaRun run, object? value, List<object?> arguments, Dictionary<string, object?> named)
    {
        var entries = JinjaMembers.Entries(run, value);
        if (named.ContainsKey("attribute"))
            return Attributes(run, entries, named);
        if (arguments is not [string name, ..] || !Knows(name))
            throw new InputException("The chat template's map names neither an attribute nor a filter that is implemented.");
        run.Charge(entries.Count);
        return entries.ConvertAll(e => name == "map" ? throw Wrong("map", e) : Apply(run, name, e, arguments[1..], []));
    }

    private static List<object?> Attributes(JinjaRun run, List<object?> entries, Dictionary<string, object?> named)
    {
        if (!named.TryGetValue("attribute", out var attribute) || attribute is null)
            return entries;
        run.Charge(entries.Count);
        return entries.ConvertAll(e => JinjaMembers.Get(run, e, attribute, dotted: false) is Undefined && named.TryGetValue("default", out var other) ? other : JinjaMembers.Get(run, e, attribute, dotted: false));
    }

    private static List<object?> Select(JinjaRun run, object? value, List<object?> arguments, object? attribute, bool keep)
    {
        var entries = JinjaMembers.Entries(run, value);
        run.Charge(entries.Count);
        return entries.FindAll(e =>
        {
            var part = attribute is null ? e : JinjaMembers.Get(run, e, attribute, dotted: false);
            return (arguments is [string test, ..] ? JinjaTests.Holds(run, test, part, arguments[1..]) : JinjaValue.True(part)) == keep;
        });
    }

    private static List<object?> Unique(JinjaRun run, List<object?> entries)
    {
        var seen = new List<object?>();
        foreach (var entry in entries)
        {
            run.Charge(seen.Count);
            if (!seen.Exists(s => JinjaValue.Same(run, s, entry)))
                seen.Add(entry);
        }

        return seen;
    }

    private static InputException Wrong(string filter, object? value) => new($"The chat template gives {JinjaValue.Kind(value)} to {filter}.");
}
