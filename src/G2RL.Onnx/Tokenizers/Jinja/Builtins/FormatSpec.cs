using System.Globalization;
using System.Numerics;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>
/// Python's format specification: <c>[[fill]align][sign][#][0][width][,][.precision][type]</c>. Of the types those of integers, fixed
/// places, percent and texts are here (b, d, o, x, X, f, F, %, s); the others are refused by name.
/// </summary>
internal static class FormatSpec
{
    private const int Widest = 10_000;

    /// <summary>A value, written so.</summary>
    /// <exception cref="InputException">A specification that is malformed, not implemented, or not for this kind of value.</exception>
    public static string Apply(JinjaRun run, object? value, string form)
    {
        value = Markup.Plain(value);
        if (form.Length == 0)
            return JinjaValue.Text(value);
        var runes = form.EnumerateRunes().ToArray();
        var at = 0;
        string fill = " ", align = "";
        if (runes.Length > 1 && IsAlign(runes[1]))
            (fill, align, at) = (runes[0].ToString(), runes[1].ToString(), 2);
        else if (IsAlign(runes[0]))
            (align, at) = (runes[0].ToString(), 1);
        var sign = Take("+- ") ?? "-";
        var prefixed = Take("#") is not null;
        if (Take("0") is not null)
            (fill, align) = align.Length > 0 ? (fill, align) : ("0", value is string ? "<" : "=");
        var width = Digits() ?? 0;
        var grouping = Take(",_");
        int? precision = Take(".") is null ? null : Digits() ?? throw JinjaFormat.Wrong(form, "the point wants a precision");
        var type = at < runes.Length ? runes[at++].ToString() : "";
        if (at < runes.Length)
            throw JinjaFormat.Wrong(form, "it goes on behind the type");
        run.Charge(width + (precision ?? 0));
        if (value is not (long or double or bool))
        {
            if (value is not string text)
                throw JinjaFormat.Wrong(form, $"{JinjaValue.Kind(value)} takes no format");
            if (type is not ("" or "s") || sign != "-" || prefixed || grouping is not null || align == "=")
                throw JinjaFormat.Wrong(form, "a text takes fill, alignment, width and precision");
            var characters = text.EnumerateRunes().Select(r => r.ToString()).ToList();
            return Pad(string.Concat(characters.Take(precision ?? characters.Count)), "", fill, align.Length > 0 ? align : "<", width);
        }

        var (negative, digits) = Number(value, type, precision, grouping, prefixed, form);
        return Pad(digits, negative ? "-" : sign == "-" ? "" : sign, fill, align.Length > 0 ? align : ">", width);

        string? Take(string any) =>
            at < runes.Length && any.Contains(runes[at].ToString(), StringComparison.Ordinal) ? runes[at++].ToString() : null;

        int? Digits()
        {
            int? number = null;
            for (; at < runes.Length && Rune.IsDigit(runes[at]); at++)
                number = Math.Min(Widest + 1, ((number ?? 0) * 10) + (runes[at].Value - '0'));
            return number > Widest ? throw JinjaFormat.Wrong(form, $"{Widest} is the widest") : number;
        }

        static bool IsAlign(Rune rune) => rune.Value is '<' or '>' or '^' or '=';
    }

    private static (bool Negative, string Digits) Number(
        object value,
        string type,
        int? precision,
        string? grouping,
        bool prefixed,
        string form)
    {
        if (type is "f" or "F" or "%")
        {
            var number = JinjaValue.Number(value)!.Value * (type == "%" ? 100 : 1);
            if (!double.IsFinite(number))
                throw JinjaFormat.Wrong(form, "the number is not finite");
            var fixedPoint = Fixed(Math.Abs(number), precision ?? 6);
            return (double.IsNegative(number), Grouped(fixedPoint, grouping, 3) + (type == "%" ? "%" : ""));
        }

        if (value is double d)
            return type.Length == 0 && precision is null
                ? (double.IsNegative(d), Grouped(JinjaValue.Float(Math.Abs(d)), grouping, 3))
                : throw JinjaFormat.Wrong(form, "a number with a point takes f, F and %");
        if (precision is not null)
            throw JinjaFormat.Wrong(form, "an integer takes no precision");
        if (value is bool truth)
            value = truth ? 1L : 0L;
        var integer = new BigInteger((long)value);
        var magnitude = BigInteger.Abs(integer);
        var digits = type switch
        {
            "" or "d" => Grouped(magnitude.ToString(CultureInfo.InvariantCulture), grouping, 3),
            "b" => (prefixed ? "0b" : "") + Radix(magnitude, 2),
            "o" => (prefixed ? "0o" : "") + Radix(magnitude, 8),
            "x" => (prefixed ? "0x" : "") + Radix(magnitude, 16),
            "X" => (prefixed ? "0X" : "") + Radix(magnitude, 16).ToUpperInvariant(),
            _ => throw JinjaFormat.Wrong(form, $"the type '{type}' is not implemented; b, d, o, x, X, f, F, % and s are"),
        };
        if (grouping is not null && type is not ("" or "d"))
            throw JinjaFormat.Wrong(form, "only decimal numbers are grouped");
        return (integer.Sign < 0, digits);
    }

    private static string Radix(BigInteger value, int radix)
    {
        var digits = new StringBuilder();
        do
        {
            digits.Insert(0, "0123456789abcdef"[(int)(value % radix)]);
            value /= radix;
        }
        while (!value.IsZero);
        return digits.ToString();
    }

    private static string Grouped(string digits, string? grouping, int size)
    {
        if (grouping is null)
            return digits;
        var end = digits.AsSpan().IndexOfAnyExceptInRange('0', '9');
        var result = new StringBuilder(digits);
        for (var at = (end < 0 ? digits.Length : end) - size; at > 0; at -= size)
            result.Insert(at, grouping);
        return result.ToString();
    }

    private static string Pad(string text, string sign, string fill, string align, int width)
    {
        var missing = width - sign.Length - text.EnumerateRunes().Count();
        if (missing <= 0)
            return sign + text;
        var left = align switch { "<" => 0, "^" => missing / 2, _ => missing };
        var (before, after) = (string.Concat(Enumerable.Repeat(fill, left)), string.Concat(Enumerable.Repeat(fill, missing - left)));
        return align == "=" ? sign + before + text : before + sign + text + after;
    }

    /// <summary>A number that is not negative with a fixed count of places, correctly rounded, halves to even, as Python does.</summary>
    public static string Fixed(double value, int places)
    {
        // value = mantissa * 2^exponent exactly; its decimal places are those of an integer over a power of two.
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)((bits >> 52) & 0x7FF);
        var mantissa = new BigInteger((bits & 0xFFFFFFFFFFFFF) | (exponent == 0 ? 0 : 1L << 52));
        exponent = Math.Max(exponent, 1) - 1075;
        var scaled = mantissa * BigInteger.Pow(10, places);
        if (exponent >= 0)
        {
            scaled <<= exponent;
        }
        else
        {
            var (whole, rest) = BigInteger.DivRem(scaled, BigInteger.One << -exponent);
            var half = (rest << 1).CompareTo(BigInteger.One << -exponent);
            scaled = whole + (half > 0 || (half == 0 && !whole.IsEven) ? 1 : 0);
        }

        var digits = scaled.ToString(CultureInfo.InvariantCulture).PadLeft(places + 1, '0');
        return places == 0 ? digits : $"{digits[..^places]}.{digits[^places..]}";
    }
}
