using System.Globalization;

namespace G2RL.Onnx.Graphs;

/// <summary>
/// The length of one axis: a number, or a number times symbols (<c>8*B*T</c>). Products stay exact under Reshape; a sum that is not
/// a product becomes a symbol of its own, written in parentheses. Two dimensions are equal when their canonical texts are.
/// </summary>
public readonly record struct Dimension
{
    private readonly long factor;
    private readonly string? symbols;

    private Dimension(long factor, string? symbols) => (this.factor, this.symbols) = (factor, factor == 0 || symbols is "" ? null : symbols);

    /// <summary>A known length, >= 0.</summary>
    public static implicit operator Dimension(long size) => size >= 0
        ? new(size, null)
        : throw new ArgumentOutOfRangeException(nameof(size), size, "A dimension is 0 or more.");

    /// <summary>A symbolic length.</summary>
    public static implicit operator Dimension(string symbol) => FromSymbol(symbol);

    /// <summary>A known length, >= 0.</summary>
    public static Dimension FromInt64(long size) => size;

    /// <summary>A symbolic length; the name is free of '*'.</summary>
    public static Dimension FromSymbol(string symbol) => string.IsNullOrEmpty(symbol) || symbol.Contains('*', StringComparison.Ordinal)
        ? throw new ArgumentException($"'{symbol}' is no name for an axis.", nameof(symbol))
        : new(1, symbol);

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static Dimension Parse(string text)
    {
        Dimension product = 1;
        foreach (var part in SplitProduct(text))
            product *= long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : new Dimension(1, part);
        return product;
    }

    /// <summary>Whether the length is a number.</summary>
    public bool IsKnown => symbols is null;

    /// <summary>Whether the length is exactly 1.</summary>
    public bool IsOne => symbols is null && factor == 1;

    /// <summary>The number; only when <see cref="IsKnown"/>.</summary>
    public long Size => IsKnown ? factor : throw new InvalidOperationException($"The length of axis '{this}' is not known before the graph runs.");

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

    /// <summary>The canonical text, for example <c>12</c>, <c>T</c> or <c>8*B*T</c>.</summary>
    public override string ToString() => symbols is null ? factor.ToString(CultureInfo.InvariantCulture)
        : factor == 1 ? symbols
        : $"{factor.ToString(CultureInfo.InvariantCulture)}*{symbols}";

    private static IEnumerable<string> Parts(Dimension d) => d.symbols is null ? [] : SplitProduct(d.symbols);

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
