using System.Globalization;
using System.Numerics;

namespace G2RL.Onnx.Problems;

/// <summary>Numbers as people write them, compared exactly: <c>1,000</c> = <c>1000.0</c> = <c>1e3</c> and <c>1/2</c> = <c>0.5</c> = <c>\frac{1}{2}</c>.</summary>
internal static class ExactNumber
{
    /// <summary>Longest text that is read as a number, in characters.</summary>
    public const int MaxLength = 200;

    /// <summary>Largest decimal exponent, in magnitude: hostile text must not make numbers with a billion digits.</summary>
    public const int MaxExponent = 400;

    /// <summary>Reads a number as a reduced fraction, the denominator > 0. Never throws.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out (BigInteger Numerator, BigInteger Denominator) value)
    {
        value = (0, 1);
        text = text.Trim();
        if (text.Length is 0 or > MaxLength)
            return false;
        var negative = false;
        if (text[0] is '-' or '+' or '\u2212')
        {
            negative = text[0] != '+';
            text = text[1..];
        }

        text = StripMoney(text);
        if (!(Fraction(text, out value) || Ratio(text, out value) || Decimal(text, out value)))
            return false;
        var divisor = BigInteger.GreatestCommonDivisor(value.Numerator, value.Denominator);
        value = ((negative ? -value.Numerator : value.Numerator) / divisor, value.Denominator / divisor);
        return true;
    }

    /// <summary>Whether both texts are numbers, and equal.</summary>
    public static bool Equal(ReadOnlySpan<char> left, ReadOnlySpan<char> right) => TryParse(left, out var a) && TryParse(right, out var b) && a == b;

    private static ReadOnlySpan<char> StripMoney(ReadOnlySpan<char> text) =>
        text.StartsWith("\\$") ? text[2..] : text.StartsWith("$") ? text[1..] : text;

    private static bool Fraction(ReadOnlySpan<char> text, out (BigInteger, BigInteger) value)
    {
        value = default;
        foreach (var command in (ReadOnlySpan<string>)["\\frac{", "\\dfrac{", "\\tfrac{"])
        {
            if (!text.StartsWith(command))
                continue;
            var inside = text[command.Length..];
            var middle = inside.IndexOf("}{");
            return middle >= 0 && inside[^1] == '}' && inside.Length > middle + 2 && Divide(inside[..middle], inside[(middle + 2)..^1], out value);
        }

        return false;
    }

    private static bool Ratio(ReadOnlySpan<char> text, out (BigInteger, BigInteger) value)
    {
        value = default;
        var slash = text.IndexOf('/');
        return slash >= 0 && Divide(text[..slash], text[(slash + 1)..], out value);
    }

    private static bool Divide(ReadOnlySpan<char> numerator, ReadOnlySpan<char> denominator, out (BigInteger, BigInteger) value)
    {
        value = default;
        var negative = numerator.StartsWith("-");
        if (!Decimal(negative ? numerator[1..] : numerator, out var a) || !Decimal(denominator, out var b) || b.Numerator.IsZero)
            return false;
        value = ((negative ? -1 : 1) * a.Numerator * b.Denominator, a.Denominator * b.Numerator);
        return true;
    }

    // Digits with or without separators of thousands, a fraction part, a power of ten; no sign.
    private static bool Decimal(ReadOnlySpan<char> text, out (BigInteger Numerator, BigInteger Denominator) value)
    {
        value = default;
        var exponent = 0;
        var e = text.IndexOfAny('e', 'E');
        if (e >= 0)
        {
            if (!int.TryParse(text[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent) || exponent is < -MaxExponent or > MaxExponent)
                return false;
            text = text[..e];
        }

        var point = text.IndexOf('.');
        var whole = point >= 0 ? text[..point] : text;
        var fraction = point >= 0 ? text[(point + 1)..] : [];
        if (whole.Length + fraction.Length == 0 || fraction.ContainsAnyExceptInRange('0', '9') || !Whole(whole, out var digits))
            return false;
        var scale = exponent - fraction.Length;
        var number = BigInteger.Parse($"0{digits}{fraction}", NumberStyles.None, CultureInfo.InvariantCulture);
        value = scale >= 0 ? (number * BigInteger.Pow(10, scale), 1) : (number, BigInteger.Pow(10, -scale));
        return true;
    }

    private static bool Whole(ReadOnlySpan<char> text, out string digits)
    {
        digits = text.ToString();
        if (!text.Contains(','))
            return !text.ContainsAnyExceptInRange('0', '9');
        var groups = digits.Split(',');
        digits = string.Concat(groups);
        return groups[0].Length is >= 1 and <= 3 && groups.Skip(1).All(g => g.Length == 3) && !digits.AsSpan().ContainsAnyExceptInRange('0', '9');
    }
}
