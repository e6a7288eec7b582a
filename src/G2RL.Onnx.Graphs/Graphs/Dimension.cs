using System.Globalization;

namespace G2RL.Onnx.Graphs;

/// <summary>
/// The length of one axis: a number, or a number times symbols (<c>8*B*T</c>). Products stay exact under Reshape; a sum that is not
/// a product becomes a symbol of its own, written in parentheses. Two dimensions are equal when their canonical texts are.
/// </summary>
public readonly record struct Dimension
{
    // Far beyond any honest graph; keeps a hostile file from growing a text exponentially.
    private const int LongestText = 4096;

    private readonly long factor;
    private readonly string? symbols;

    private Dimension(long factor, string? symbols)
    {
        if (symbols?.Length > LongestText)
            throw new OverflowException($"The length of an axis became an expression of more than {LongestText} characters.");
        (this.factor, this.symbols) = (factor, factor == 0 || symbols is "" ? null : symbols);
    }

    /// <summary>A known length, >= 0.</summary>
    public static implicit operator Dimension(long size) => size >= 0
        ? new(size, null)
        : throw new ArgumentOutOfRangeException(nameof(size), size, "A dimension is 0 or more.");

    /// <summary>A symbolic length.</summary>
    public static implicit operator Dimension(string symbol) => FromSymbol(symbol);

    /// <summary>A known length, >= 0.</summary>
    public static Dimension FromInt64(long size) => size;

    /// <summary>A symbolic length; the name is no number, and '*' stands only inside parentheses, which are paired.</summary>
    /// <exception cref="ArgumentException">A name that breaks the rule.</exception>
    public static Dimension FromSymbol(string symbol) => IsName(symbol)
        ? new(1, symbol)
        : throw new ArgumentException(
            $"'{symbol}' is no name for an axis: a name is no number, has paired parentheses, and '*' only inside them.",
            nameof(symbol));

    /// <summary>Reads what <see cref="ToString"/> writes; a sum as other tools write it (<c>past + 2*B</c>) becomes one symbol.</summary>
    /// <exception cref="ArgumentException">A text that is neither.</exception>
    /// <exception cref="OverflowException">A factor beyond 64 bits.</exception>
    public static Dimension Parse(string text)
    {
        var parts = SplitProduct(text).ToArray();
        if (parts.Length > 1 && parts.Any(IsSum))
            return FromSymbol($"({text})");
        Dimension product = 1;
        foreach (var part in parts)
            product *= long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size
                : IsName(part) ? FromSymbol(part)
                : throw new ArgumentException($"'{text}' is no length of an axis: '{part}' is neither a number of 64 bits nor a name.");
        return product;
    }

    /// <summary>Whether the length is a number.</summary>
    public bool IsKnown => symbols is null;

    /// <summary>Whether the length is exactly 1.</summary>
    public bool IsOne => symbols is null && factor == 1;

    /// <summary>The number; only when <see cref="IsKnown"/>.</summary>
    public long Size =>
        IsKnown ? factor : throw new InvalidOperationException($"The length of axis '{this}' is not known before the graph runs.");

    /// <summary>The product of two lengths.</summary>
    public static Dimension operator *(Dimension a, Dimension b)
    {
        var parts = Parts(a).Concat(Parts(b)).Order(StringComparer.Ordinal);
        return new(checked(a.factor * b.factor), string.Join('*', parts));
    }

    /// <summary>The product of two lengths.</summary>
    public static Dimension Multiply(Dimension left, Dimension right) => left * right;

    /// <summary>The sum of two lengths: exact for numbers and for multiples of the same symbols, else a new symbol.</summary>
    public static Dimension operator +(Dimension a, Dimension b) =>
        a is { IsKnown: true, factor: 0 } ? b
        : b is { IsKnown: true, factor: 0 } ? a
        : a.symbols == b.symbols ? new(checked(a.factor + b.factor), a.symbols)
        : new(1, $"({a}+{b})");

    /// <summary>The sum of two lengths.</summary>
    public static Dimension Add(Dimension left, Dimension right) => left + right;

    /// <summary>How often a number goes into a length, rounded down; of a symbol a symbol of its own, <c>(R/4)</c>.</summary>
    public static Dimension Floor(Dimension a, long by) => a.IsKnown ? a.Size / by : by == 1 ? a : FromSymbol($"({a}/{by})");

    /// <summary>Part <paramref name="index"/> of a length divided as evenly as it goes, longer parts first: (a + n - 1 - i) / n.</summary>
    public static Dimension Part(Dimension whole, int index, int count) => Floor(whole + (count - 1 - index), count);

    /// <summary>The sum of lengths: that of all the parts of a whole is the whole, also where some were added before.</summary>
    public static Dimension Sum(IReadOnlyList<Dimension> parts) =>
        Whole(parts) ?? Whole([.. parts.SelectMany(Terms)]) ?? parts.Aggregate((a, b) => a + b);

    private static Dimension? Whole(IReadOnlyList<Dimension> parts)
    {
        var end = $"/{parts.Count})";
        if (parts.Count > 1
            && parts[^1].symbols is { } last
            && last.StartsWith('(')
            && last.EndsWith(end, StringComparison.Ordinal)
            && SplitProduct(last[1..^end.Length]).All(IsFactor))
        {
            var whole = Parse(last[1..^end.Length]);
            if (parts.Select((part, i) => part == Part(whole, i, parts.Count)).All(same => same))
                return whole;
        }
        return null;
    }

    // What was added to a sum that became a symbol.
    private static IEnumerable<Dimension> Terms(Dimension sum) =>
        sum is { factor: 1, symbols: ['(', .., ')'] text } && LastOperator(text[1..^1]) is >= 0 and var at && text[at + 1] == '+'
            ? [.. Terms(Parse(text[1..(at + 1)])), .. Terms(Parse(text[(at + 2)..^1]))]
            : [sum];

    // The place of the last '+' or '/' outside parentheses, or -1.
    private static int LastOperator(string text)
    {
        var depth = 0;
        for (var i = text.Length - 1; i >= 0; i--)
        {
            depth += text[i] == ')' ? 1 : text[i] == '(' ? -1 : 0;
            if (depth == 0 && (text[i] is '+' or '/'))
                return i;
        }
        return -1;
    }

    /// <summary>a / b when b divides a symbol by symbol and number by number; null otherwise.</summary>
    public static Dimension? Divide(Dimension a, Dimension b)
    {
        if (b is { IsKnown: true, factor: 0 } || a.factor % b.factor != 0)
            return null;
        var left = Parts(a).ToList();
        foreach (var part in Parts(b))
            if (!left.Remove(part))
                return null;
        return new(a.factor / b.factor, string.Join('*', left));
    }

    /// <summary>The length where the symbols have lengths: of <c>(R+3)</c>, <c>(R/4)</c> and sums of such parts, too.</summary>
    /// <exception cref="ArgumentException">A symbol that is neither among them nor made of them.</exception>
    public long At(IReadOnlyDictionary<string, long> axes) =>
        symbols is null ? factor : Parts(this).Aggregate(factor, (product, part) => checked(product * At(part, axes)));

    private static long At(string part, IReadOnlyDictionary<string, long> axes)
    {
        if (axes.TryGetValue(part, out var length) || long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out length))
            return length;
        if (part.StartsWith('(') && part.EndsWith(')'))
        {
            var text = part[1..^1];
            if (LastOperator(text) is >= 0 and var i)
            {
                var (left, right) = (Parse(text[..i]).At(axes), Parse(text[(i + 1)..]).At(axes));
                return text[i] == '+' ? left + right : left / right;
            }
        }
        throw new ArgumentException($"The axis '{part}' has no length here.", nameof(axes));
    }

    /// <summary>The canonical text, for example <c>12</c>, <c>T</c> or <c>8*B*T</c>.</summary>
    public override string ToString() => symbols is null ? factor.ToString(CultureInfo.InvariantCulture)
        : factor == 1 ? symbols
        : $"{factor.ToString(CultureInfo.InvariantCulture)}*{symbols}";

    private static IEnumerable<string> Parts(Dimension d) => d.symbols is null ? [] : SplitProduct(d.symbols);

    private static bool IsName(string text)
    {
        if (string.IsNullOrEmpty(text) || text.AsSpan().IndexOfAnyExceptInRange('0', '9') < 0)
            return false;
        var depth = 0;
        foreach (var c in text)
        {
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            if (depth < 0 || (c == '*' && depth == 0))
                return false;
        }
        return depth == 0;
    }

    private static bool IsFactor(string part) =>
        IsName(part) || long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static bool IsSum(string part)
    {
        var depth = 0;
        foreach (var c in part)
        {
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            if (depth == 0 && c is ('+' or '-' or '/' or ' '))
                return true;
        }
        return false;
    }

    // '*' inside parentheses belongs to a sum, which is one symbol.
    private static IEnumerable<string> SplitProduct(string text)
    {
        var (start, depth) = (0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
            if (text[i] == '*' && depth == 0)
            {
                yield return text[start..i];
                start = i + 1;
            }
        }
        yield return text[start..];
    }
}
