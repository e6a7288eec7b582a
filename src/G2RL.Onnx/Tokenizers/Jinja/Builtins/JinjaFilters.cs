using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>The filters that chat templates use.</summary>
internal static class JinjaFilters
{
    private delegate object? Function(JinjaRun run, object? value, JinjaArguments arguments);

    private static readonly Dictionary<string, (string[] Parameters, Function Function)> All = new(StringComparer.Ordinal)
    {
        ["abs"] = ([], (_, v, _) =>
            v is long n ? (object)Math.Abs(Math.Max(n, -long.MaxValue)) : Math.Abs(JinjaValue.Number(v) ?? throw Wrong("abs", v))),
        ["capitalize"] = ([], (_, v, _) => Capitalize(JinjaValue.Text(v))),
        ["count"] = ([], (run, v, _) => Length(run, v)),
        ["d"] = (["default_value", "boolean"], Default),
        ["default"] = (["default_value", "boolean"], Default),
        ["dictsort"] = (["case_sensitive", "by", "reverse"], SortedItems),
        ["first"] = ([], (run, v, _) => JinjaMembers.Entries(run, v) is [var first, ..] ? first : new Undefined("first")),
        ["float"] = (["default"], (_, v, a) => JinjaValue.Number(v)
            ?? (v is string s && double.TryParse(s, CultureInfo.InvariantCulture, out var d) ? d : a.Has(0) ? a[0] : 0.0)),
        ["indent"] = (["width", "first", "blank"], Indent),
        ["int"] = (["default"], Integer),
        ["e"] = ([], (_, v, _) => new Markup(Markup.Escape(v))),
        ["escape"] = ([], (_, v, _) => new Markup(Markup.Escape(v))),
        ["forceescape"] = ([], (_, v, _) => new Markup(Markup.Escape(JinjaValue.Text(v)))),
        ["items"] = ([], (_, v, _) => v is Undefined
            ? new List<object?>()
            : JinjaMembers.Items(v as JinjaMapping ?? throw Wrong("items", v))),
        ["join"] = (["d", "attribute"], (run, v, a) =>
            Join(run, JinjaSelection.Attributes(run, JinjaMembers.Entries(run, v), a[1]), JinjaValue.Text(a.Has(0) ? a[0] : ""))),
        ["last"] = ([], (run, v, _) => JinjaMembers.Entries(run, v) is [.., var last] ? last : new Undefined("last")),
        ["length"] = ([], (run, v, _) => Length(run, v)),
        ["list"] = ([], (run, v, _) => JinjaMembers.Entries(run, v).ToList()),
        ["lower"] = ([], (_, v, _) => JinjaValue.Text(v).ToLowerInvariant()),
        ["replace"] = (["old", "new", "count"], (run, v, a) => Replace(run, JinjaValue.Text(v), a)),
        ["reverse"] = ([], (run, v, _) =>
            Enumerable.Reverse(JinjaMembers.Entries(run, v)) is var reversed && v is string ? string.Concat(reversed) : reversed.ToList()),
        ["safe"] = ([], (_, v, _) => new Markup(JinjaValue.Text(v))),
        ["sort"] = (["reverse", "case_sensitive", "attribute"], Sort),
        ["string"] = ([], (_, v, _) => JinjaValue.Text(v)),
        ["title"] = ([], (_, v, _) => TitleFilter(JinjaValue.Text(v))),
        ["tojson"] = (["ensure_ascii", "indent", "separators", "sort_keys"], (_, v, a) => JinjaJson.Write(v, a)),
        ["trim"] = (["chars"], (_, v, a) => JinjaTextMethods.Strip(JinjaValue.Text(v), a[0], true, true)),
        ["unique"] = (["case_sensitive", "attribute"], Unique),
        ["upper"] = ([], (_, v, _) => JinjaValue.Text(v).ToUpperInvariant()),
    };

    private static readonly HashSet<string> TakesMarkup = ["d", "default", "e", "escape", "forceescape", "safe"];

    /// <summary>Whether there is such a filter.</summary>
    public static bool Knows(string name) => All.ContainsKey(name) || JinjaSelection.Knows(name) || JinjaAggregates.Knows(name);

    /// <summary>The names of all filters.</summary>
    public static string Names =>
        string.Join(", ", All.Keys.Concat(JinjaSelection.Names).Concat(JinjaAggregates.Names).Order(StringComparer.Ordinal));

    /// <summary>A filter's result.</summary>
    /// <exception cref="InputException">A value or argument that the filter does not take.</exception>
    public static object? Apply(JinjaRun run, string name, object? value, List<object?> arguments, Dictionary<string, object?> named)
    {
        if (!Knows(name))
            throw new InputException($"The chat template uses the filter '{name}', which is not implemented; {Names} are.");
        var plain = Markup.Plain(value);
        run.Charge(plain is string text ? text.Length : 1);
        // A safe text takes others in escaped.
        if (name == "format" && value is Markup)
            (arguments, named) = (arguments.ConvertAll(Markup.Escaped),
                named.ToDictionary(p => p.Key, p => Markup.Escaped(p.Value), StringComparer.Ordinal));
        var raw = TakesMarkup.Contains(name);
        var result = All.TryGetValue(name, out var filter)
            ? filter.Function(run, raw ? value : plain, JinjaArguments.Bind(name, filter.Parameters, arguments, named, raw))
            : JinjaAggregates.Knows(name) ? JinjaAggregates.Apply(run, name, plain, arguments, named)
            : JinjaSelection.Apply(run, name, plain, arguments, named);
        run.Charge(Markup.Plain(result) is string made ? made.Length : 1);
        return value is Markup ? Markup.OfFilter(name, result) : result;
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

    // The filter has other words than the method: they begin behind white space, a hyphen or an opening bracket.
    private static string TitleFilter(string text)
    {
        var result = new StringBuilder(text.Length);
        var inside = false;
        foreach (var c in text)
        {
            result.Append(inside ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));
            inside = !(JinjaText.IsSpace(c) || c is '-' or '(' or '{' or '[' or '<');
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

    /// <summary>Each occurrence replaced, or the first of them: old, new, count.</summary>
    public static string Replace(JinjaRun run, string text, JinjaArguments arguments)
    {
        var (old, with) = (arguments.Text(0), arguments.Text(1));
        if (old.Length == 0)
            throw new InputException("The chat template replaces an empty text.");
        run.Charge(text.Length + (text.Length / old.Length * (long)with.Length));
        if (arguments[2] is null)
            return text.Replace(old, with, StringComparison.Ordinal);
        var parts = text.Split(old, arguments.Count(2, int.MaxValue - 1, 0) + 1);
        return string.Join(with, parts);
    }

    private static long Length(JinjaRun run, object? value) =>
        value is JinjaMapping mapping ? mapping.Count : JinjaMembers.Entries(run, value).Count;

    private static object? Default(JinjaRun run, object? value, JinjaArguments arguments) =>
        value is Undefined || (JinjaValue.True(arguments[1]) && !JinjaValue.True(value)) ? (arguments.Has(0) ? arguments[0] : "") : value;

    private static object? Integer(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var absent = arguments.Has(0) ? arguments[0] : 0L;
        return value switch
        {
            long n => n,
            bool b => b ? 1L : 0L,
            double d => d is >= -9e18 and <= 9e18 ? (long)d : absent,
            string s when long.TryParse(
                s,
                NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
                CultureInfo.InvariantCulture,
                out var n) => n,
            string s when double.TryParse(s, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && d is >= -9e18 and <= 9e18 =>
                (long)d,
            _ => absent,
        };
    }

    private static string Indent(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var space = arguments[0] is string s ? s : new string(' ', arguments.Count(0, 1000, 4));
        // The newline keeps an empty last line alive.
        var lines = JinjaText.Lines(JinjaValue.Text(value) + "\n");
        run.Charge(lines.Count * (long)space.Length);
        return string.Join('\n', lines.Select((l, i) =>
            (i == 0 ? JinjaValue.True(arguments[1]) : JinjaValue.True(arguments[2]) || l.Length > 0) ? space + l : l));
    }

    private static List<object?> SortedItems(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var at = (arguments[1] as string ?? "key") switch
        {
            "key" => 0,
            "value" => 1,
            var by => throw new InputException($"The chat template sorts a mapping by '{by}'; key and value are implemented."),
        };
        var items = JinjaMembers.Items(value as JinjaMapping ?? throw Wrong("dictsort", value));
        return Sorted(run, items, i => ((List<object?>)i!)[at], JinjaValue.True(arguments[0]), JinjaValue.True(arguments[2]));
    }

    private static List<object?> Sort(JinjaRun run, object? value, JinjaArguments arguments) =>
        Sorted(
            run,
            JinjaMembers.Entries(run, value),
            e => JinjaSelection.Attribute(run, e, arguments[2]),
            JinjaValue.True(arguments[1]),
            JinjaValue.True(arguments[0]));

    /// <summary>
    /// Entries in the order of a key, texts by their small letters unless told otherwise. Equal ones keep their order, in reverse as well.
    /// </summary>
    public static List<object?> Sorted(JinjaRun run, List<object?> entries, Func<object?, object?> key, bool exact, bool reverse)
    {
        run.Charge((entries.Count * 16L) + entries.Sum(e => key(e) is string text ? (long)text.Length : 1));
        var order = Comparer<object?>.Create(JinjaOperators.Order);
        return [.. reverse
            ? entries.OrderByDescending(e => Folded(key(e), exact), order)
            : entries.OrderBy(e => Folded(key(e), exact), order)];
    }

    private static List<object?> Unique(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var (seen, result) = (new List<object?>(), new List<object?>());
        foreach (var entry in JinjaMembers.Entries(run, value))
        {
            run.Charge(seen.Count);
            var key = Folded(JinjaSelection.Attribute(run, entry, arguments[1]), JinjaValue.True(arguments[0]));
            if (seen.Exists(s => JinjaValue.Same(run, s, key)))
                continue;
            seen.Add(key);
            result.Add(entry);
        }

        return result;
    }

    /// <summary>A key as it is compared: sorting does not tell capitals from small letters unless asked to.</summary>
    public static object? Folded(object? value, bool exact) =>
        Markup.Plain(value) is string text && !exact ? text.ToLowerInvariant() : value;

    private static InputException Wrong(string filter, object? value) =>
        new($"The chat template gives {JinjaValue.Kind(value)} to {filter}.");
}
