namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>Attributes, items, slices and methods.</summary>
internal static class JinjaMembers
{
    /// <summary><c>of.key</c> (methods first, as in Python) or <c>of[key]</c> (items first).</summary>
    /// <exception cref="InputException">Something of an undefined value.</exception>
    public static object? Get(JinjaRun run, object? of, object? key, bool dotted)
    {
        key = Markup.Plain(key);
        switch (of, key)
        {
            case (Markup safe, long):
                return Get(run, safe.Text, key, dotted) is string character ? new Markup(character) : new Undefined("a character");
            case (Markup safe, string name):
                return SafeMethod(run, safe, name) ?? (object)new Undefined(name);
            case (Undefined u, _):
                throw new InputException(
                    $"The chat template uses '{u.Name}', which is not defined. Variables are given by problems.templateVariables.");
            case (Namespace space, string name):
                return space.Attributes.TryGetValue(name, out var attribute) ? attribute : new Undefined(name);
            case (JinjaGroup group, "grouper" or "list"):
                return group[(string)key == "list" ? 1 : 0];
            case (JinjaMapping mapping, string name):
                return dotted && Method(run, of, name) is { } first
                    ? first
                    : mapping.TryGetValue(name, out var item) ? item
                    : Method(run, of, name) ?? (object)new Undefined(name);
            case (JinjaMapping mapping, _):
                return mapping.Find(key, out var entry) ? entry : new Undefined(JinjaValue.Text(key));
            case (List<object?> list, long index):
                return Place(list.Count, index) is { } at ? list[at] : new Undefined("an entry");
            case (string text, long index):
                var runes = Characters(run, text);
                return Place(runes.Count, index) is { } place ? runes[place] : new Undefined("a character");
            case (_, string name):
                return Method(run, of, name) ?? (object)new Undefined(name);
            default:
                return new Undefined(JinjaValue.Text(key));
        }
    }

    /// <summary>Python's slice of a list or text.</summary>
    /// <exception cref="InputException">Something else, or a step of zero.</exception>
    public static object? Slice(JinjaRun run, object? of, object? start, object? stop, object? step)
    {
        if (of is Markup safe)
            return new Markup((string)Slice(run, safe.Text, start, stop, step)!);
        var items = of switch
        {
            List<object?> list => list,
            string text => Characters(run, text),
            _ => throw new InputException($"The chat template slices {JinjaValue.Kind(of)}."),
        };
        var stride = Integer(step) ?? 1;
        if (stride == 0)
            throw new InputException("The chat template slices with a step of 0.");
        long count = items.Count;
        var (low, high) = stride > 0 ? (0L, count) : (-1L, count - 1);
        var from = Integer(start) is { } s ? Math.Clamp(s < 0 ? s + count : s, low, high) : stride > 0 ? low : high;
        var to = Integer(stop) is { } e ? Math.Clamp(e < 0 ? e + count : e, low, high) : stride > 0 ? high : low;
        var result = new List<object?>();
        run.Charge(count);
        for (var i = from; stride > 0 ? i < to : i > to; i += Math.Clamp(stride, -count - 1, count + 1))
            result.Add(items[(int)i]);
        return of is string ? string.Concat(result) : of is JinjaTuple ? new JinjaTuple(result) : result;
    }

    /// <summary>The entries that a loop or filter runs over: of a list, the keys of a mapping, the characters of a text.</summary>
    /// <exception cref="InputException">Something without entries.</exception>
    public static List<object?> Entries(JinjaRun run, object? value) => value switch
    {
        List<object?> list => list,
        JinjaMapping mapping => [.. mapping.Names],
        Markup safe => Characters(run, safe.Text),
        string text => Characters(run, text),
        Undefined => [],
        _ => throw new InputException($"The chat template runs over {JinjaValue.Kind(value)}."),
    };

    /// <summary>Pairs of key and value.</summary>
    public static List<object?> Items(JinjaMapping mapping) =>
        [.. mapping.Select(p => new JinjaTuple([JinjaMapping.Shown(p.Key), p.Value]))];

    private static List<object?> Characters(JinjaRun run, string text)
    {
        run.Charge(text.Length * 16L);
        return [.. text.EnumerateRunes().Select(r => r.ToString())];
    }

    private static int? Place(int count, long index) =>
        index < 0 ? (index + count >= 0 ? (int)(index + count) : null) : index < count ? (int)index : null;

    private static long? Integer(object? value) => value switch
    {
        null => null,
        long n => Math.Clamp(n, -(1L << 40), 1L << 40),
        _ => throw new InputException($"The chat template slices at {JinjaValue.Kind(value)}."),
    };

    private delegate object? MappingMethod(JinjaMapping mapping, JinjaArguments arguments);

    private static readonly Dictionary<string, (string[] Parameters, MappingMethod Method)> OfMappings = new(StringComparer.Ordinal)
    {
        ["get"] = (["key", "default"], (m, a) => m.Find(a[0], out var value) ? value : a[1]),
        ["items"] = ([], (m, _) => Items(m)),
        ["keys"] = ([], (m, _) => m.Names.ToList()),
        ["values"] = ([], (m, _) => m.Values.ToList()),
    };

    private static Callable? Method(JinjaRun run, object? of, string name)
    {
        if (of is JinjaMapping mapping && OfMappings.TryGetValue(name, out var first))
            return (placed, named) => first.Method(mapping, JinjaArguments.Bind(name, first.Parameters, placed, named));
        return of is string text ? JinjaTextMethods.Get(run, text, name) : null;
    }

    private static Callable? SafeMethod(JinjaRun run, Markup of, string name)
    {
        if (Method(run, of.Text, name) is not { } method)
            return null;
        return (placed, named) =>
        {
            // What a safe text takes in is escaped: the entries that it joins, and what it puts in the place of something.
            if (name == "join" && placed is [var entries])
                placed = [Entries(run, entries).ConvertAll(e => (object?)Markup.Escape(e))];
            if (name == "replace" && placed is [var old, var with, ..])
                placed = [old, Markup.Escape(with), .. placed.Skip(2)];
            if (name == "format")
                (placed, named) = (placed.ConvertAll(Markup.Escaped),
                    named.ToDictionary(p => p.Key, p => Markup.Escaped(p.Value), StringComparer.Ordinal));
            return Markup.OfMethod(name, method(placed, named));
        };
    }
}
