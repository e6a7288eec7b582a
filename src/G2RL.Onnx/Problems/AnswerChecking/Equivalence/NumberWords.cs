using System.Collections.Frozen;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>
/// English numbers in words: "seven", "twenty-one", "one hundred and five", "minus two thirds", "fifteen centimeters". Nothing else may
/// stand beside them than a known unit: "seven more than x" and "one of them" are no numbers.
/// </summary>
internal static class NumberWords
{
    private const int MostWords = 24;
    private const long Largest = 999_999_999_999_999;

    private static readonly FrozenDictionary<string, int> Small = Numbered(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
        i => i);

    private static readonly FrozenDictionary<string, int> Tens =
        Numbered("twenty thirty forty fifty sixty seventy eighty ninety", i => 10 * (i + 2));

    private static readonly FrozenDictionary<string, int> Parts =
        Numbered("half third quarter fifth sixth seventh eighth ninth tenth", i => i + 2);

    /// <summary>Whether a run of letters is one of the words that numbers begin with.</summary>
    public static bool Begins(string word) => Small.ContainsKey(word) || Tens.ContainsKey(word);

    /// <summary>The number that words say, with the unit behind it; null when they say anything else.</summary>
    public static ScalarValue? Read(string text)
    {
        var words = text.ToLowerInvariant().Split([' ', '-', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is 0 or > MostWords)
            return null;
        var at = words[0] is "minus" or "negative" ? 1 : 0;
        if (Cardinal(words, ref at) is not { } number)
            return null;
        var value = (Rational)new System.Numerics.BigInteger(number);
        if (at < words.Length && Part(words[at], number) is { } part)
        {
            value /= new Rational(part, 1);
            at++;
        }

        if (words[0] is "minus" or "negative")
            value = -value;
        if (at == words.Length)
            return new ScalarValue(Scalar.Of(value));
        var unit = string.Join(' ', words[at..]);
        return Units.IsMeasure(unit) ? new ScalarValue(Scalar.Of(value), Unit: unit) : null;
    }

    // Below a hundred, then how many hundreds, then the same before each of ... million, thousand in falling order.
    private static long? Cardinal(string[] words, ref int at)
    {
        var (total, previous) = (0L, long.MaxValue);
        var start = at;
        while (true)
        {
            var group = Group(words, ref at, canAnd: at > start);
            if (group is null)
                return at > start ? total : null;
            var scale = at < words.Length && Vocabulary.Multiplier.TryGetValue(words[at], out var known) && known != 100 ? known : 1;
            // A dozen is counted, and no part of a larger number.
            if (scale >= previous || (scale == 12 && at > start + 1))
                return null;
            at += scale > 1 ? 1 : 0;
            if (group > Largest / scale)
                return null;
            total += group.Value * scale;
            if (scale is 1 or 12)
                return total;
            previous = scale;
        }
    }

    // 1 to 9,999, as in "twelve hundred and thirty-four". "And" stands only behind a hundred, thousand and so on.
    private static long? Group(string[] words, ref int at, bool canAnd)
    {
        var next = at;
        if (canAnd && next < words.Length && words[next] == "and")
            next++;
        if (next < words.Length && words[next] == "a" && next + 1 < words.Length
            && (Vocabulary.Multiplier.ContainsKey(words[next + 1]) || words[next + 1] == "half"))
        {
            at = next + 1;
            return TakeHundred(words, ref at) ? 100 + Rest(words, ref at) : 1;
        }

        if (Below100(words, ref next) is not { } number)
            return null;
        if (number > 0 && TakeHundred(words, ref next))
            number = (100 * number) + Rest(words, ref next);
        at = next;
        return number;
    }

    // What follows a hundred: "and five", "twenty"; 0 where nothing does.
    private static int Rest(string[] words, ref int at)
    {
        var next = at;
        if (next < words.Length && words[next] == "and")
            next++;
        if (Below100(words, ref next) is not (> 0 and var more))
            return 0;
        at = next;
        return more;
    }

    private static bool TakeHundred(string[] words, ref int at)
    {
        if (at >= words.Length || words[at] != "hundred")
            return false;
        at++;
        return true;
    }

    private static int? Below100(string[] words, ref int at)
    {
        if (at >= words.Length)
            return null;
        if (Small.TryGetValue(words[at], out var small))
        {
            at++;
            return small;
        }

        if (!Tens.TryGetValue(words[at], out var tens))
            return null;
        at++;
        if (at < words.Length && Small.TryGetValue(words[at], out var ones) && ones is > 0 and < 10)
        {
            at++;
            return tens + ones;
        }

        return tens;
    }

    // "one third", "two thirds", "three fourths", "a half".
    private static int? Part(string word, long number)
    {
        var singular = word == "halves" ? "half" : word.EndsWith('s') ? word[..^1] : word;
        if (number < 1 || (number == 1) != (singular == word))
            return null;
        return singular == "fourth" ? 4 : Parts.TryGetValue(singular, out var part) ? part : null;
    }

    private static FrozenDictionary<string, int> Numbered(string words, Func<int, int> value) =>
        words.Split(' ').Select((w, i) => (Word: w, Value: value(i))).ToFrozenDictionary(p => p.Word, p => p.Value);
}
