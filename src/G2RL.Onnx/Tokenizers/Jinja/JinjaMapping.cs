using System.Globalization;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>
/// Python's dict: in order of insertion, its keys texts, numbers, truth values, None or tuples of them; 1, 1.0 and True are one key.
/// </summary>
internal sealed class JinjaMapping() : OrderedDictionary<object, object?>(Comparison)
{
    private static readonly Equality Comparison = new();

    // A dictionary of .NET has no null key.
    private static readonly object None = new();

    /// <summary>The keys as values of the template.</summary>
    public IEnumerable<object?> Names => Keys.Select(Shown);

    /// <summary>Sets an entry; a key that is there keeps its spelling and place.</summary>
    /// <exception cref="InputException">What cannot be a key.</exception>
    public void Set(object? key, object? value) => this[Key(key)] = value;

    /// <summary>The value of a key.</summary>
    /// <exception cref="InputException">What cannot be a key.</exception>
    public bool Find(object? key, out object? value) => TryGetValue(Key(key), out value);

    /// <summary>A key as a value of the template.</summary>
    public static object? Shown(object key) => ReferenceEquals(key, None) ? null : key;

    /// <summary>A key as JSON writes it.</summary>
    /// <exception cref="InputException">A tuple.</exception>
    public static string AsJson(object key) => Shown(key) switch
    {
        null => "null",
        string text => text,
        bool truth => truth ? "true" : "false",
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => JinjaValue.Float(number),
        var other => throw new InputException($"The chat template writes a mapping with {JinjaValue.Kind(other)} as a key as JSON."),
    };

    private static object Key(object? key) => Markup.Plain(key) switch
    {
        null => None,
        string or bool or long or double => Markup.Plain(key)!,
        JinjaTuple tuple => new JinjaTuple(tuple.ConvertAll(item => Shown(Key(item)))),
        var other => throw new InputException($"The chat template takes {JinjaValue.Kind(other)} as the key of a mapping."),
    };

    private sealed class Equality : IEqualityComparer<object>
    {
        public new bool Equals(object? a, object? b)
        {
            if (a is string first && b is string second)
                return string.Equals(first, second, StringComparison.Ordinal);
            if (JinjaValue.Number(a) is { } x && JinjaValue.Number(b) is { } y)
                return a is long m && b is long n ? m == n : x.Equals(y);
            return a is JinjaTuple left && b is JinjaTuple right
                ? left.Count == right.Count && left.Zip(right).All(pair => Equals(pair.First, pair.Second))
                : ReferenceEquals(a, b);
        }

        public int GetHashCode(object value) => value switch
        {
            string text => text.GetHashCode(StringComparison.Ordinal),
            JinjaTuple tuple => tuple.Aggregate(17, (sum, item) => unchecked((sum * 31) + (item is null ? 0 : GetHashCode(item)))),
            _ => JinjaValue.Number(value)?.GetHashCode() ?? 0,
        };
    }
}
