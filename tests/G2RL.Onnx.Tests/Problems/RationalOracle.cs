using System.Numerics;

namespace G2RL.Onnx.Tests;

/// <summary>
/// Works out expressions the other way round: splits a text at its last, loosest operator outside parentheses and keeps every fraction
/// reduced. Shares nothing with the parser under test: no stacks, no postfix, no unreduced fractions. Exponential on nothing, but
/// recursive: for short texts.
/// </summary>
internal static class RationalOracle
{
    /// <summary>What a text is.</summary>
    internal enum Kind
    {
        Malformed,
        DividesByZero,
        Value,
    }

    /// <summary>The value of a text, the fraction reduced and its denominator above 0.</summary>
    public static (Kind Kind, BigInteger Numerator, BigInteger Denominator) Work(string text)
    {
        text = text.Trim(' ');
        if (text.Length > 0 && text.All(c => c is >= '0' and <= '9'))
            return text.Length > 1 && text[0] == '0'
                ? default
                : (Kind.Value, text.Aggregate(BigInteger.Zero, (sum, c) => (sum * 10) + (c - '0')), 1);
        foreach (var operators in new[] { "+-", "*/" })
        {
            var depth = 0;
            for (var at = text.Length - 1; at >= 0; at--)
            {
                depth += text[at] switch { ')' => 1, '(' => -1, _ => 0 };
                if (depth < 0)
                    return default;
                if (depth == 0 && operators.Contains(text[at]))
                    return Join(text[at], Work(text[..at]), Work(text[(at + 1)..]));
            }

            if (depth != 0)
                return default;
        }

        return text.Length > 2 && text[0] == '(' && text[^1] == ')' ? Work(text[1..^1]) : default;
    }

    private static (Kind, BigInteger, BigInteger) Join(
        char op,
        (Kind Kind, BigInteger Numerator, BigInteger Denominator) left,
        (Kind Kind, BigInteger Numerator, BigInteger Denominator) right)
    {
        if (left.Kind == Kind.Malformed || right.Kind == Kind.Malformed)
            return default;
        if (left.Kind == Kind.DividesByZero || right.Kind == Kind.DividesByZero || (op == '/' && right.Numerator.IsZero))
            return (Kind.DividesByZero, 0, 0);
        var (a, b, c, d) = (left.Numerator, left.Denominator, right.Numerator, right.Denominator);
        var (numerator, denominator) =
            op switch { '+' => ((a * d) + (c * b), b * d), '-' => ((a * d) - (c * b), b * d), '*' => (a * c, b * d), _ => (a * d, b * c) };
        var divisor = BigInteger.GreatestCommonDivisor(numerator, denominator) * denominator.Sign;
        return (Kind.Value, numerator / divisor, denominator / divisor);
    }
}
