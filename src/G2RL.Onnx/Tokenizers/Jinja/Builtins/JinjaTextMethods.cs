using System.Buffers;
using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>The methods of a text. Places and widths count characters, not UTF-16 units, as Python does.</summary>
internal static class JinjaTextMethods
{
    private delegate object? Method(JinjaRun run, string text, JinjaArguments arguments);

    private static readonly Dictionary<string, (string[] Parameters, Method Method)> All = new(StringComparer.Ordinal)
    {
        ["capitalize"] = ([], (_, s, _) => JinjaFilters.Capitalize(s)),
        ["center"] = (["width", "fillchar"], (run, s, a) => Pad(run, s, a, (missing, width) => (missing / 2) + (missing & width & 1))),
        ["count"] = (["sub"], (_, s, a) => Count(s, a.Text(0))),
        ["endswith"] = (["suffix"], (_, s, a) => Parts(a, "endswith").Exists(p => s.EndsWith(p, StringComparison.Ordinal))),
        ["find"] = (["sub"], (_, s, a) => Place(s, s.IndexOf(a.Text(0), StringComparison.Ordinal))),
        ["index"] = (["sub"], (_, s, a) => Place(s, s.IndexOf(a.Text(0), StringComparison.Ordinal)) is >= 0 and var at
            ? at
            : throw new InputException("The chat template asks where a text is that is not there (index); find tells -1 then.")),
        ["isalnum"] = ([], (_, s, _) => Every(s, r => Rune.IsLetter(r) || Numeric(r))),
        ["isalpha"] = ([], (_, s, _) => Every(s, Rune.IsLetter)),
        ["isdecimal"] = ([], (_, s, _) => Every(s, Rune.IsDigit)),
        ["isdigit"] = ([], (_, s, _) => Every(s, r => CharUnicodeInfo.GetDigitValue(r.ToString(), 0) >= 0)),
        ["islower"] = ([], (_, s, _) => Cased(s, Rune.IsLower, Rune.IsUpper)),
        ["isnumeric"] = ([], (_, s, _) => Every(s, Numeric)),
        ["isspace"] = ([], (_, s, _) => s.Length > 0 && s.All(JinjaText.IsSpace)),
        ["isupper"] = ([], (_, s, _) => Cased(s, Rune.IsUpper, Rune.IsLower)),
        ["join"] = (["iterable"], (run, s, a) => JinjaFilters.Join(run, JinjaMembers.Entries(run, a[0]), s)),
        ["ljust"] = (["width", "fillchar"], (run, s, a) => Pad(run, s, a, (_, _) => 0)),
        ["lower"] = ([], (_, s, _) => s.ToLowerInvariant()),
        ["lstrip"] = (["chars"], (_, s, a) => Strip(s, a[0], true, false)),
        ["partition"] = (["sep"], (_, s, a) => Partition(s, a.Text(0), last: false)),
        ["removeprefix"] = (["prefix"], (_, s, a) => s.StartsWith(a.Text(0), StringComparison.Ordinal) ? s[a.Text(0).Length..] : s),
        ["removesuffix"] = (["suffix"], (_, s, a) => s.EndsWith(a.Text(0), StringComparison.Ordinal) ? s[..^a.Text(0).Length] : s),
        ["replace"] = (["old", "new", "count"], JinjaFilters.Replace),
        ["rfind"] = (["sub"], (_, s, a) => Place(s, s.LastIndexOf(a.Text(0), StringComparison.Ordinal))),
        ["rjust"] = (["width", "fillchar"], (run, s, a) => Pad(run, s, a, (missing, _) => missing)),
        ["rpartition"] = (["sep"], (_, s, a) => Partition(s, a.Text(0), last: true)),
        ["rsplit"] = (["sep", "maxsplit"], (run, s, a) => Split(run, s, a[0], a[1], last: true)),
        ["rstrip"] = (["chars"], (_, s, a) => Strip(s, a[0], false, true)),
        ["split"] = (["sep", "maxsplit"], (run, s, a) => Split(run, s, a[0], a[1], last: false)),
        ["splitlines"] = ([], (_, s, _) => JinjaText.Lines(s).ConvertAll(l => (object?)l)),
        ["startswith"] = (["prefix"], (_, s, a) => Parts(a, "startswith").Exists(p => s.StartsWith(p, StringComparison.Ordinal))),
        ["strip"] = (["chars"], (_, s, a) => Strip(s, a[0], true, true)),
        ["swapcase"] = ([], (_, s, _) =>
            string.Concat(s.Select(c => char.IsUpper(c) ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c)))),
        ["title"] = ([], (_, s, _) => JinjaFilters.Title(s)),
        ["upper"] = ([], (_, s, _) => s.ToUpperInvariant()),
        ["zfill"] = (["width"], (run, s, a) => Zeros(run, s, a.Count(0, 10_000, 0))),
    };

    /// <summary>A method of a text, or null where there is none of that name.</summary>
    public static Callable? Get(JinjaRun run, string text, string name)
    {
        if (name == "format")
            return (placed, named) => JinjaFormat.Braces(run, text, placed, named);
        if (!All.TryGetValue(name, out var method))
            return null;
        return (placed, named) =>
        {
            run.Charge(text.Length);
            return method.Method(run, text, JinjaArguments.Bind(name, method.Parameters, placed, named));
        };
    }

    /// <summary>A text without certain characters at the ends asked for.</summary>
    /// <param name="text">The text.</param>
    /// <param name="strip">The characters, or null for white space.</param>
    /// <param name="start">Whether at its start.</param>
    /// <param name="end">Whether at its end.</param>
    /// <exception cref="InputException">The characters are no text.</exception>
    public static string Strip(string text, object? strip, bool start, bool end)
    {
        if (strip is null)
            return JinjaText.Trim(text, start, end);
        var set = strip as string ?? throw new InputException("The chat template strips characters that are no text.");
        var characters = set.EnumerateRunes().Select(r => r.Value).ToHashSet();
        var (from, to) = (0, text.Length);
        while (start
            && from < to
            && Rune.DecodeFromUtf16(text.AsSpan(from, to - from), out var rune, out var length) == OperationStatus.Done
            && characters.Contains(rune.Value))
            from += length;
        while (end
            && to > from
            && Rune.DecodeLastFromUtf16(text.AsSpan(from, to - from), out var rune, out var length) == OperationStatus.Done
            && characters.Contains(rune.Value))
            to -= length;
        return text[from..to];
    }

    private static List<object?> Split(JinjaRun run, string text, object? separator, object? most, bool last)
    {
        run.Charge(text.Length);
        var splits = most is long n and >= 0 ? (int)Math.Min(n, int.MaxValue - 1) : int.MaxValue - 1;
        if (separator is null)
            return Words(text, splits, last);
        if (separator is not string { Length: > 0 } at)
            throw new InputException("The chat template splits at what is no text, or empty.");
        if (!last)
            return [.. text.Split(at, splits + 1)];
        var parts = new List<object?>();
        while (parts.Count < splits && text.LastIndexOf(at, StringComparison.Ordinal) is >= 0 and var found)
        {
            parts.Add(text[(found + at.Length)..]);
            text = text[..found];
        }

        parts.Add(text);
        parts.Reverse();
        return parts;
    }

    // At white space a number of times: what is left keeps all white space but that at the cut.
    private static List<object?> Words(string text, int splits, bool last)
    {
        var words = JinjaText.Words(text);
        if (words.Count <= splits)
            return words;
        var (from, to) = (0, text.Length);
        var parts = new List<object?>();
        for (Skip(); parts.Count < splits && from < to; Skip())
        {
            var (start, end) = (from, to);
            while (from < to && !JinjaText.IsSpace(text[last ? to - 1 : from]))
                _ = last ? to-- : from++;
            parts.Add(last ? text[to..end] : text[start..from]);
        }

        if (from < to)
            parts.Add(text[from..to]);
        if (last)
            parts.Reverse();
        return parts;

        void Skip()
        {
            while (from < to && JinjaText.IsSpace(text[last ? to - 1 : from]))
                _ = last ? to-- : from++;
        }
    }

    private static JinjaTuple Partition(string text, string at, bool last)
    {
        if (at.Length == 0)
            throw new InputException("The chat template parts a text at an empty one.");
        var found = last ? text.LastIndexOf(at, StringComparison.Ordinal) : text.IndexOf(at, StringComparison.Ordinal);
        return found >= 0
            ? new JinjaTuple([text[..found], at, text[(found + at.Length)..]])
            : new JinjaTuple(last ? ["", "", text] : [text, "", ""]);
    }

    private static string Pad(JinjaRun run, string text, JinjaArguments arguments, Func<int, int, int> left)
    {
        var width = arguments.Count(0, 10_000, 0);
        var fill = arguments.Has(1) ? arguments.Text(1) : " ";
        if (fill.EnumerateRunes().Count() != 1)
            throw new InputException("The chat template fills a text up with what is not one character.");
        var missing = width - Length(text);
        if (missing <= 0)
            return text;
        run.Charge(width);
        var before = left(missing, width);
        return string.Concat(Enumerable.Repeat(fill, before)) + text + string.Concat(Enumerable.Repeat(fill, missing - before));
    }

    private static string Zeros(JinjaRun run, string text, int width)
    {
        run.Charge(width);
        var sign = text is ['+' or '-', ..] ? text[..1] : "";
        return sign + new string('0', Math.Max(0, width - Length(text))) + text[sign.Length..];
    }

    private static int Length(string text) => text.EnumerateRunes().Count();

    private static long Place(string text, int at) => at < 0 ? at : Length(text[..at]);

    private static long Count(string text, string part)
    {
        if (part.Length == 0)
            return Length(text) + 1;
        return text.AsSpan().Count(part);
    }

    private static bool Every(string text, Func<Rune, bool> holds) => text.Length > 0 && text.EnumerateRunes().All(holds);

    private static bool Numeric(Rune rune) => CharUnicodeInfo.GetNumericValue(rune.ToString(), 0) >= 0;

    private static bool Cased(string text, Func<Rune, bool> one, Func<Rune, bool> other) =>
        text.EnumerateRunes().Any(one) && !text.EnumerateRunes().Any(other);

    private static List<string> Parts(JinjaArguments arguments, string method)
    {
        var parts = arguments[0] as List<object?> ?? [arguments[0]];
        return parts.TrueForAll(p => p is string)
            ? parts.ConvertAll(p => (string)p!)
            : throw new InputException($"The chat template calls {method} without a text.");
    }
}
