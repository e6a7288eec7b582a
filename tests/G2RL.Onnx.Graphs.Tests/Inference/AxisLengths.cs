using System.Globalization;

namespace G2RL.Onnx.Graphs.Tests.Inference;

/// <summary>Concrete lengths of symbolic axes. The parser is the tests' own, so that a wrong canonical text does not go unseen.</summary>
internal sealed class AxisLengths
{
    private readonly Dictionary<string, long> symbols =
        new(StringComparer.Ordinal) { ["B"] = 2, ["T"] = 3, ["N"] = 5, ["R"] = 4, ["C"] = 7, ["Z"] = 0 };

    /// <summary>The length; null for a symbol that only the run can tell (what a Slice leaves of a symbolic axis).</summary>
    public long? Of(Dimension dimension)
    {
        var (text, at) = (dimension.ToString(), 0);
        return Sum() is { } length && at == text.Length ? length : null;

        long? Sum()
        {
            var sum = Product();
            for (; at < text.Length && text[at] == '+'; sum += next)
            {
                at++;
                if (Product() is not { } term)
                    return null;
                next = term;
            }
            return sum;
        }

        long? Product()
        {
            var product = Factor();
            for (; at < text.Length && text[at] == '*'; product *= next)
            {
                at++;
                if (Factor() is not { } factor)
                    return null;
                next = factor;
            }
            return product;
        }

        long? Factor()
        {
            if (at < text.Length && text[at] == '(')
            {
                at++;
                var inside = Sum();
                return at < text.Length && text[at++] == ')' ? inside : null;
            }
            var start = at;
            while (at < text.Length && char.IsLetterOrDigit(text[at]))
                at++;
            var word = text[start..at];
            return long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
                : symbols.TryGetValue(word, out var length) ? length : null;
        }
    }

    private long next;
}
