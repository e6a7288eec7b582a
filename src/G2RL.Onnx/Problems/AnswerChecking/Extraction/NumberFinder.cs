namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>
/// Finds numbers in prose, with the grammar of <see cref="Numerals"/>: sign, currency, fraction, mixed number and percent sign belong to
/// them. One
/// pass; no number starts inside a word or another number.
/// </summary>
internal static class NumberFinder
{
    private const int Tail = 8_192;

    /// <summary>The last number; one in parentheses with words, "18 (step 2)", only when there is no other. Null without any.</summary>
    public static string? Last(string text, bool decimalComma = false) => LastOf(text, decimalComma) is { } found ? text[found] : null;

    /// <summary>Where it stands.</summary>
    /// <param name="text">The completion.</param>
    /// <param name="decimalComma">Whether 2,74 is one number.</param>
    public static Range? LastOf(string text, bool decimalComma = false)
    {
        var from = Math.Max(0, text.Length - Tail);
        Range? last = null, aside = null;
        // Positions that an aside covers: from the parenthesis that is open, to where it closes, when there are letters in it.
        var asideEnd = -1;
        for (var i = from; i < text.Length;)
        {
            if (text[i] == '(' && i > asideEnd)
                asideEnd = AsideEnd(text, i);
            var length = LengthAt(text, i, from);
            if (length == 0)
            {
                i++;
                continue;
            }

            if (decimalComma)
                length += CommaPart(text, i, length);

            if (i < asideEnd)
                aside = i..(i + length);
            else
                last = i..(i + length);
            i += length;
        }

        return last ?? aside;
    }

    /// <summary>The length of the number that a text begins with; 0 when it begins with something else.</summary>
    public static int Leading(string text) => LengthAt(text, 0, 0);

    /// <summary>The length of the number that starts at a position, its sign included; 0 when none does.</summary>
    private static int LengthAt(string text, int start, int from)
    {
        var first = text[start];
        if (!(char.IsAsciiDigit(first) || first is '.' or '$' or '€' or '£' or '\\' || IsSign(first)))
            return 0;
        var at = start;
        if (IsSign(first))
        {
            if (IsOperator(text, start, from))
                return 0;
            at++;
            if (at < text.Length && text[at] == ' ')
                at++;
        }

        at += Currency(text, at);
        if (at < text.Length && IsSign(text[at]) && !IsSign(first))
            at++;
        if (at == start && at > from && (char.IsAsciiLetterOrDigit(text[at - 1]) || text[at - 1] == '_'
            || (text[at - 1] == '.' && at - 1 > from && char.IsAsciiDigit(text[at - 2]))))
            return 0;
        var size = Value(text, at);
        if (size == 0)
            return 0;
        at += size;
        return at + Percent(text.AsSpan(at)) - start;
    }

    // ",74" behind whole digits, not between parentheses, where it would begin the next item.
    private static int CommaPart(string text, int start, int length)
    {
        var end = start + length;
        var digits = end < text.Length && text[end] == ',' ? Numerals.Digits(text, end + 1) : 0;
        var isPlain = text.AsSpan(start, length).IndexOfAnyExcept("0123456789-$€£\\".AsSpan()) < 0
            && (start == 0 || text[start - 1] is not ('(' or '[' or '{' or ','));
        return digits is 0 or 3 || !isPlain || GoesOn(text.AsSpan(end + 1 + digits)) ? 0 : 1 + digits;
    }

    // Whether a list goes on; a comma before words is punctuation.
    private static bool GoesOn(ReadOnlySpan<char> rest) =>
        rest is [',', .. var next] && !(next is [' ', var letter, ..] && char.IsAsciiLetter(letter));

    private static int Value(string text, int at)
    {
        var fraction = Fraction(text, at);
        if (fraction > 0)
            return fraction;
        if (Numerals.Read(text, at, indian: true) is not { } number)
        {
            // Digits whose power of ten is too large are taken whole, so that no part of them passes for the number.
            var digits = Numerals.Digits(text, at);
            return digits == 0 ? 0 : digits + Tailing(text, at + digits);
        }

        var end = at + number.Length;
        if (end < text.Length && text[end] == '/' && Numerals.Digits(text, end + 1) > 0)
            return end + 1 + Numerals.Digits(text, end + 1) - at;
        if (number.IsDecimal)
            return number.Length;
        // "3 1/2" and "3\frac{1}{2}"
        var next = end < text.Length && text[end] == ' ' ? end + 1 : end;
        fraction = Fraction(text, next);
        if (fraction > 0)
            return next + fraction - at;
        var numerator = Numerals.Digits(text, next);
        return next > end && numerator > 0 && next + numerator < text.Length && text[next + numerator] == '/'
            && Numerals.Digits(text, next + numerator + 1) is > 0 and var denominator
            ? next + numerator + 1 + denominator - at
            : number.Length;
    }

    private static int Tailing(string text, int at)
    {
        var end = at;
        while (end < text.Length
            && (char.IsAsciiDigit(text[end]) || text[end] is 'e' or 'E' or '.' || (text[end] is '+' or '-' && text[end - 1] is 'e' or 'E')))
            end++;
        return end - at;
    }

    // \frac{10}{2}, \dfrac12, with whatever is in the braces: the parser reads it.
    private static int Fraction(string text, int at)
    {
        foreach (var command in (ReadOnlySpan<string>)["\\frac", "\\dfrac", "\\tfrac", "\\cfrac"])
        {
            if (!text.AsSpan(at).StartsWith(command))
                continue;
            var end = at + command.Length;
            for (var argument = 0; argument < 2; argument++)
            {
                while (end < text.Length && text[end] == ' ')
                    end++;
                var close = Braced.End(text.AsSpan(0, Math.Min(text.Length, end + 200)), end);
                if (close > 0)
                    end = close + 1;
                else if (end < text.Length && char.IsAsciiDigit(text[end]))
                    end++;
                else
                    return 0;
            }

            return end - at;
        }

        return 0;
    }

    private static bool IsSign(char letter) => letter is '-' or '+' or '\u2212' or '\u2013' or '\u2012' or '\uFE63' or '\uFF0D';

    // In "5-3", "x - 3" and "(a) - 3" the sign subtracts; at the start of a line "- 3" is an item of a list.
    private static bool IsOperator(string text, int sign, int from)
    {
        var before = sign - 1;
        while (before >= from && text[before] == ' ')
            before--;
        var spaced = sign + 1 < text.Length && text[sign + 1] == ' ';
        if (before < from || text[before] == '\n')
            return spaced && before >= from;
        if (text[before] is ')' or ']' or '}' or '%' || char.IsAsciiDigit(text[before]))
            return true;
        if (!char.IsAsciiLetter(text[before]))
            return IsSign(text[before]);
        return before == sign - 1 || (spaced && (before == from || !char.IsAsciiLetter(text[before - 1])));
    }

    private static int Currency(string text, int at)
    {
        var end = at;
        if (end < text.Length && text[end] == '\\' && end + 1 < text.Length && text[end + 1] == '$')
            end += 2;
        else if (end < text.Length && text[end] is '$' or '€' or '£' && end < text.Length)
            end++;
        if (end > at && end < text.Length && text[end] == ' ')
            end++;
        return end - at;
    }

    /// <summary>The length of a percent sign or word that follows, white space and the end of a formula included; 0 without one.</summary>
    public static int Percent(ReadOnlySpan<char> rest)
    {
        var at = 0;
        while (at < rest.Length && at < 3 && rest[at] is ' ' or '$' && at < rest.Length)
            at++;
        foreach (var sign in (ReadOnlySpan<string>)["%", "\\%", "percent", "pct", "\\text{ percent}"])
        {
            if (rest[at..].StartsWith(sign))
                return at + sign.Length;
        }

        return 0;
    }

    private static int AsideEnd(string text, int open)
    {
        var letters = false;
        for (var i = open + 1; i < text.Length && i - open < 200 && text[i] is not '\n' and not '('; i++)
        {
            if (text[i] == ')')
                return letters ? i : -1;
            letters |= char.IsAsciiLetter(text[i]) && i > open + 1 && char.IsAsciiLetter(text[i - 1]);
        }

        return -1;
    }
}
