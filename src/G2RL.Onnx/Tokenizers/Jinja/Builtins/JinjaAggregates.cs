using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>A group of <c>groupby</c>: a pair whose parts are also called <c>grouper</c> and <c>list</c>.</summary>
/// <param name="key">What its entries have in common.</param>
/// <param name="entries">The entries.</param>
internal sealed class JinjaGroup(object? key, List<object?> entries) : JinjaTuple([key, entries]);

/// <summary>
/// The filters that put entries together or lay them out (sum, min, max, groupby, batch, slice), and those that lay out a text or number
/// (format, center, truncate, round, urlencode, wordcount).
/// </summary>
internal static class JinjaAggregates
{
    private delegate object? Function(JinjaRun run, object? value, JinjaArguments arguments);

    private static readonly Dictionary<string, (string[] Parameters, Function Function)> All = new(StringComparer.Ordinal)
    {
        ["batch"] = (["linecount", "fill_with"], Batch),
        ["center"] = (["width"], (run, v, a) => Method(run, v, "center", (long)a.Count(0, 10_000, 80))),
        ["groupby"] = (["attribute", "default", "case_sensitive"], GroupBy),
        ["max"] = (["case_sensitive", "attribute"], (run, v, a) => Extreme(run, v, a, 1)),
        ["min"] = (["case_sensitive", "attribute"], (run, v, a) => Extreme(run, v, a, -1)),
        ["round"] = (["precision", "method"], Round),
        ["slice"] = (["slices", "fill_with"], Slice),
        ["sum"] = (["attribute", "start"], (run, v, a) => JinjaSelection.Attributes(run, JinjaMembers.Entries(run, v), a[0])
            .Aggregate(a.Has(1) ? a[1] : 0L, (sum, entry) => JinjaOperators.Apply(run, "+", sum, entry))),
        ["truncate"] = (["length", "killwords", "end", "leeway"], Truncate),
        ["urlencode"] = ([], (run, v, _) => UrlEncode(run, v)),
        ["wordcount"] = ([], (_, v, _) => WordCount(JinjaValue.Text(v))),
    };

    /// <summary>Their names.</summary>
    public static IEnumerable<string> Names => All.Keys.Append("format");

    /// <summary>Whether there is such a filter.</summary>
    public static bool Knows(string name) => name == "format" || All.ContainsKey(name);

    /// <summary>A filter's result.</summary>
    /// <exception cref="InputException">A value or argument that it does not take.</exception>
    public static object? Apply(JinjaRun run, string name, object? value, List<object?> arguments, Dictionary<string, object?> named)
    {
        if (name != "format")
            return All[name].Function(run, value, JinjaArguments.Bind(name, All[name].Parameters, arguments, named));
        if (arguments.Count > 0 && named.Count > 0)
            throw new InputException("The chat template gives format arguments by place and by name at once.");
        var mapping = new JinjaMapping();
        foreach (var (key, item) in named)
            mapping.Set(key, item);
        return JinjaFormat.Percent(run, JinjaValue.Text(value), named.Count > 0 ? null : arguments, mapping);
    }

    private static List<object?> Batch(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var size = arguments.Count(0, int.MaxValue, 0) is > 0 and var n ? n : throw Wrong("batch", "its size must be at least 1");
        var batches = JinjaMembers.Entries(run, value).Chunk(size).Select(c => c.ToList()).ToList();
        if (batches is [.., var last] && arguments[1] is { } fill)
        {
            run.Charge(16L * (size - last.Count));
            last.AddRange(Enumerable.Repeat<object?>(fill, size - last.Count));
        }

        return batches.ConvertAll(b => (object?)b);
    }

    private static List<object?> Slice(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var slices = arguments.Count(0, 1 << 20, 0) is > 0 and var n ? n : throw Wrong("slice", "its number must be from 1 to 1048576");
        var entries = JinjaMembers.Entries(run, value);
        run.Charge(16L * slices);
        var (size, longer) = Math.DivRem(entries.Count, slices);
        var result = new List<object?>();
        for (var (i, at) = (0, 0); i < slices; i++)
        {
            var slice = entries.GetRange(at, size + (i < longer ? 1 : 0));
            at += slice.Count;
            if (i >= longer && arguments[1] is { } fill)
                slice.Add(fill);
            result.Add(slice);
        }

        return result;
    }

    // The first of equal ones, as Python's min and max give it.
    private static object? Extreme(JinjaRun run, object? value, JinjaArguments arguments, int sign)
    {
        var entries = JinjaMembers.Entries(run, value);
        if (entries.Count == 0)
            return new Undefined("the largest or smallest of nothing");
        var keys = JinjaSelection.Attributes(run, entries, arguments[1])
            .ConvertAll(k => JinjaFilters.Folded(k, JinjaValue.True(arguments[0])));
        var best = 0;
        for (var i = 1; i < keys.Count; i++)
            if (JinjaOperators.Order(keys[i], keys[best]) * sign > 0)
                best = i;
        return entries[best];
    }

    private static List<object?> GroupBy(JinjaRun run, object? value, JinjaArguments arguments)
    {
        if (!arguments.Has(0))
            throw Wrong("groupby", "it wants an attribute");
        var exact = JinjaValue.True(arguments[2]);
        var groups = new List<object?>();
        object? last = null;
        foreach (var entry in JinjaFilters.Sorted(run, JinjaMembers.Entries(run, value), Key, exact, reverse: false))
        {
            var key = JinjaFilters.Folded(Key(entry), exact);
            if (groups is [.., JinjaGroup group] && JinjaValue.Same(run, key, last))
                ((List<object?>)group[1]!).Add(entry);
            else
                groups.Add(new JinjaGroup(Key(entry), [entry]));
            last = key;
        }

        return groups;

        object? Key(object? entry)
        {
            var key = JinjaSelection.Attribute(run, entry, arguments[0]);
            return key is Undefined && arguments[1] is { } absent ? absent : key;
        }
    }

    private static object? Round(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var places = arguments[0] switch
        {
            null => 0,
            long n and >= -300 and <= 300 => (int)n,
            _ => throw Wrong("round", "the precision must be an integer from -300 to 300"),
        };
        var number = JinjaValue.Number(value) is { } given && double.IsFinite(given)
            ? given
            : throw Wrong("round", $"{JinjaValue.Kind(value)} cannot be rounded");
        switch (arguments[1] as string ?? "common")
        {
            case "common" when value is long or bool && places >= 0:
                return value is long integer ? integer : (long)number;
            case "common" when places >= 0:
                var text = FormatSpec.Fixed(Math.Abs(number), places);
                return Math.CopySign(double.Parse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture), number);
            case "common":
                throw Wrong("round", "places before the point are not implemented");
            case "ceil":
                return Math.Ceiling(number * Math.Pow(10, places)) / Math.Pow(10, places);
            case "floor":
                return Math.Floor(number * Math.Pow(10, places)) / Math.Pow(10, places);
            case var method:
                throw Wrong("round", $"the method '{method}' is not one of common, ceil, floor");
        }
    }

    private static string Truncate(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var text = JinjaValue.Text(value);
        var (length, leeway) = (arguments.Count(0, int.MaxValue - 1000, 255), arguments.Count(3, 1000, 5));
        var end = arguments.Has(2) ? arguments.Text(2) : "...";
        var runes = text.EnumerateRunes().Select(r => r.ToString()).ToList();
        var room = length - end.EnumerateRunes().Count();
        if (room < 0)
            throw Wrong("truncate", $"a length of {length} has no room for the end '{end}'");
        if (runes.Count <= length + leeway)
            return text;
        var kept = string.Concat(runes.Take(room));
        var space = JinjaValue.True(arguments[1]) ? -1 : kept.LastIndexOf(' ');
        return (space < 0 ? kept : kept[..space]) + end;
    }

    // In a query blanks are plus signs and slashes are written as codes; alone a text keeps its slashes.
    private static string UrlEncode(JinjaRun run, object? value)
    {
        if (value is not (JinjaMapping or List<object?>))
            return Quote(run, JinjaValue.Text(value)).Replace("%2F", "/", StringComparison.Ordinal);
        var pairs = value is JinjaMapping mapping ? JinjaMembers.Items(mapping) : (List<object?>)value;
        return string.Join('&', pairs.Select(p => p is List<object?> { Count: 2 } pair
            ? $"{Query(pair[0])}={Query(pair[1])}"
            : throw Wrong("urlencode", "an entry is no pair")));

        string Query(object? part) => Quote(run, JinjaValue.Text(part)).Replace("%20", "+", StringComparison.Ordinal);
    }

    private static string Quote(JinjaRun run, string text)
    {
        run.Charge(text.Length * 3L);
        var result = new StringBuilder(text.Length);
        foreach (var b in Encoding.UTF8.GetBytes(text))
            _ = char.IsAsciiLetterOrDigit((char)b) || (char)b is '_' or '.' or '-' or '~'
                ? result.Append((char)b)
                : result.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        return result.ToString();
    }

    private static long WordCount(string text)
    {
        var (count, inside) = (0L, false);
        foreach (var rune in text.EnumerateRunes())
        {
            var word = Rune.IsLetterOrDigit(rune) || rune.Value == '_' || CharUnicodeInfo.GetNumericValue(rune.ToString(), 0) >= 0;
            count += word && !inside ? 1 : 0;
            inside = word;
        }

        return count;
    }

    private static object? Method(JinjaRun run, object? value, string name, params object?[] arguments) =>
        JinjaTextMethods.Get(run, JinjaValue.Text(value), name)!([.. arguments], []);

    private static InputException Wrong(string filter, string rule) => new($"The chat template's filter {filter}: {rule}.");
}
