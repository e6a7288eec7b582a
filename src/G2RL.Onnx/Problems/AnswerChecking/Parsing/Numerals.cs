using System.Globalization;
using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>A number that was found in a text.</summary>
/// <param name="Length">How many characters it takes.</param>
/// <param name="Value">Its value, without sign.</param>
/// <param name="IsDecimal">Whether it has a decimal point or an exponent.</param>
/// <param name="IsGrouped">Whether its thousands are set apart by a plain comma, which might also separate a list.</param>
internal readonly record struct Numeral(int Length, Rational Value, bool IsDecimal, bool IsGrouped);

/// <summary>
/// The one grammar of numbers without sign, for extraction, LaTeX and plain text alike: digits, thousands set apart by <c>,</c>
/// <c>{,}</c> <c>,\!</c>
/// <c>\,</c> or a space, a decimal point, a repeating end under <c>\overline</c>, and a power of ten as in <c>1.5e-3</c>.
/// </summary>
internal static class Numerals
{
    /// <summary>Largest decimal exponent, in magnitude.</summary>
    public const int MaxExponent = 400;

    /// <summary>Reads the number that starts at a position; null when none does.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where the number starts.</param>
    /// <param name="inList">Whether a plain comma separates the items of a list there, as between parentheses: then it sets thousands
    /// apart only before a zero.</param>
    /// <param name="indian">Whether groups of two digits are read, too, as in 1,00,000.</param>
    public static Numeral? Read(ReadOnlySpan<char> text, int start, bool inList = false, bool indian = false)
    {
        var at = start;
        var digits = new DigitBuffer();
        var grouped = false;
        var whole = Digits(text, at);
        digits.Append(text.Slice(at, whole));
        at += whole;
        if (whole is >= 1 and <= 3 && (text[start] != '0' || text[at..].StartsWith(",000")))
            at += Groups(text, at, inList, indian && whole <= 2, ref digits, ref grouped);
        var point = at < text.Length && text[at] == '.' ? Digits(text, at + 1) : 0;
        var hasPoint = point > 0;
        if (hasPoint)
        {
            digits.Append(text.Slice(at + 1, point));
            at += 1 + point;
        }

        if (whole == 0 && !hasPoint && !(at < text.Length && text[at] == '.' && Repeating(text[(at + 1)..]) is not null))
            return null;
        var value = new Rational(digits.Value, BigInteger.Pow(10, point));
        if (at < text.Length && (hasPoint ? Repeating(text[at..]) : text[at] == '.' ? Repeating(text[(at + 1)..]) : null) is { } repeating)
        {
            at += repeating.Length + (hasPoint ? 0 : 1);
            var period = BigInteger.Pow(10, repeating.Digits.Length) - 1;
            var tail = BigInteger.Parse(repeating.Digits, NumberStyles.None, CultureInfo.InvariantCulture);
            return new(at - start, value + new Rational(tail, period * BigInteger.Pow(10, point)), true, grouped);
        }

        if (Exponent(text, at) is { } power)
        {
            at += power.Length;
            if (Math.Abs(power.Value) > MaxExponent)
                return null;
            var scale = BigInteger.Pow(10, Math.Abs(power.Value));
            value = power.Value >= 0 ? value * scale : value / scale;
            hasPoint = true;
        }

        return new(at - start, value, hasPoint, grouped);
    }

    /// <summary>How many digits stand there.</summary>
    public static int Digits(ReadOnlySpan<char> text, int at)
    {
        var end = at;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
            end++;
        return end - at;
    }

    private static int Groups(ReadOnlySpan<char> text, int start, bool inList, bool indian, ref DigitBuffer digits, ref bool grouped)
    {
        var at = start;
        char kind = default;
        while (true)
        {
            var separator = Separator(text[at..], out var found);
            if (separator == 0 || (kind != default && kind != found))
                return at - start;
            var size = Digits(text, at + separator);
            if (indian && size == 2 && found == ',' && IndianTail(text, at))
                return at - start + TakeIndian(text, at, ref digits, ref grouped);
            if (size != 3 || (found == ',' && inList && text[at + separator] != '0'))
                return at - start;
            kind = found;
            grouped |= found == ',';
            digits.Append(text.Slice(at + separator, 3));
            at += separator + 3;
        }
    }

    private static bool IndianTail(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && text[at] == ',' && Digits(text, at + 1) == 2)
            at += 3;
        return at < text.Length && text[at] == ',' && Digits(text, at + 1) == 3;
    }

    private static int TakeIndian(ReadOnlySpan<char> text, int start, ref DigitBuffer digits, ref bool grouped)
    {
        var at = start;
        while (Digits(text, at + 1) == 2)
        {
            digits.Append(text.Slice(at + 1, 2));
            at += 3;
        }

        digits.Append(text.Slice(at + 1, 3));
        grouped = true;
        return at + 4 - start;
    }

    // The kind is ',' for a plain comma, which may mean something else; 's' for spaces, 't' for what can only set thousands apart.
    private static int Separator(ReadOnlySpan<char> text, out char kind)
    {
        kind = default;
        if (text.IsEmpty)
            return 0;
        var length = text[0] switch
        {
            ',' => 1,
            '{' or ' ' when BracedComma(text) is > 0 and var braced => braced,
            ' ' or '\u00A0' or '\u2009' or '\u202F' or '~' => 1,
            '\\' when text.Length > 1 && text[1] is ',' or ' ' or ';' or ':' => 2,
            _ => 0,
        };
        if (length == 0)
            return 0;
        kind = text[0] == ',' ? ',' : length > 2 || text[0] == '\\' ? 't' : 's';
        var rest = text[length..];
        if (text[0] == ',' && rest.StartsWith("\\!"))
        {
            kind = 't';
            rest = rest[2..];
            rest = rest.TrimStart(' ');
        }

        return text.Length - rest.Length;
    }

    // "{,}", also with spaces: "14 {, }916".
    private static int BracedComma(ReadOnlySpan<char> text)
    {
        var open = text[0] == ' ' ? 1 : 0;
        if (open >= text.Length || text[open] != '{')
            return 0;
        var close = text.IndexOf('}');
        return close > open && close < open + 5 && text[(open + 1)..close].Trim(' ') is "," ? close + 1 : 0;
    }

    private static (int Length, string Digits)? Repeating(ReadOnlySpan<char> text)
    {
        foreach (var command in (ReadOnlySpan<string>)["\\overline{", "\\bar{", "\\overline "])
        {
            if (!text.StartsWith(command))
                continue;
            var count = Digits(text, command.Length);
            var close = command[^1] == '{' ? 1 : 0;
            if (count > 0 && (close == 0 || (command.Length + count < text.Length && text[command.Length + count] == '}')))
                return (command.Length + count + close, text.Slice(command.Length, count).ToString());
        }

        return null;
    }

    private static (int Length, int Value)? Exponent(ReadOnlySpan<char> text, int at)
    {
        if (at >= text.Length || text[at] is not ('e' or 'E'))
            return null;
        var sign = at + 1 < text.Length && text[at + 1] is '+' or '-' ? 1 : 0;
        var count = Digits(text, at + 1 + sign);
        var end = at + 1 + sign + count;
        if (count == 0 || (end < text.Length && char.IsAsciiLetter(text[end])))
            return null;
        var value = count > 6 ? int.MaxValue / 2
            : int.Parse(text.Slice(at + 1 + sign, count), NumberStyles.None, CultureInfo.InvariantCulture);
        return (end - at, sign == 1 && text[at + 1] == '-' ? -value : value);
    }

    /// <summary>Collects digits; most numbers fit into a long.</summary>
    private ref struct DigitBuffer
    {
        private long small;
        private int count;
        private string? large;

        public readonly BigInteger Value =>
            large is null ? small : BigInteger.Parse(large, NumberStyles.None, CultureInfo.InvariantCulture);

        public void Append(ReadOnlySpan<char> digits)
        {
            if (large is null && count + digits.Length <= 18)
            {
                foreach (var digit in digits)
                    small = (small * 10) + (digit - '0');
                count += digits.Length;
                return;
            }

            large = string.Concat(large ?? (count > 0 ? small.ToString().PadLeft(count, '0') : ""), digits);
        }
    }
}
