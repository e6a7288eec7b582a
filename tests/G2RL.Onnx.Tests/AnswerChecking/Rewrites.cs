using System.Globalization;
using System.Text.RegularExpressions;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Other spellings of an answer that leave its value alone.</summary>
internal static partial class Rewrites
{
    public static IEnumerable<string> Of(string answer)
    {
        var hasText = answer.Contains("text") || answer.Contains("mbox");
        var bare = answer.TrimEnd().TrimEnd('.');
        yield return $"  {answer} ";
        yield return $"${answer}$";
        yield return $"\\({answer}\\)";
        yield return $"\\[{answer}\\]";
        yield return bare + ".";
        yield return $"${bare}.$";
        yield return answer + "\n";
        yield return $"{{{answer}}}";
        yield return $"\\boxed{{{answer}}}";
        yield return "\\displaystyle " + answer;
        yield return answer.Replace("\\frac", "\\dfrac");
        yield return answer.Replace("\\frac", "\\tfrac");
        yield return answer.Replace("\\dfrac", "\\frac").Replace("\\tfrac", "\\frac");
        yield return answer.Replace("\\left", "").Replace("\\right", "");
        yield return hasText || answer.Contains("\\left") || answer.Contains("\\{")
            ? answer
            : answer.Replace("(", "\\left(").Replace(")", "\\right)");
        yield return Operator().Replace(answer, " $1 ");
        yield return Loose().Replace(answer, "");
        yield return answer.Replace(", ", ",\\ ");
        yield return answer.Replace(", ", ", \\quad ");
        yield return answer.Replace("-", "- ");
        yield return answer.Replace("-", "\u2212");
        yield return answer.Contains("begin") ? answer : answer.Replace("\\", "\\\\");
        if (!hasText && answer.Any(char.IsDigit))
            yield return bare + "\\text{ units}";
        if (Word().IsMatch(answer))
            yield return $"\\text{{{answer}}}";
        if (Fraction().Match(answer) is { Success: true } match)
        {
            var above = long.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
            var below = long.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture);
            yield return $"{match.Groups[1].Value}{above}/{below}";
            var rest = below;
            while (rest % 2 == 0)
                rest /= 2;
            while (rest % 5 == 0)
                rest /= 5;
            if (rest == 1 && below <= 100_000)
                yield return match.Groups[1].Value + ((decimal)above / below).ToString(CultureInfo.InvariantCulture);
        }

        if (Large().IsMatch(answer))
        {
            var grouped = long.Parse(answer, CultureInfo.InvariantCulture).ToString("N0", CultureInfo.InvariantCulture);
            yield return grouped;
            yield return grouped.Replace(",", "{,}");
            yield return grouped.Replace(",", ",\\!");
            yield return answer + ".0";
        }
    }

    [GeneratedRegex("(?<=[0-9a-z}])([+=])(?=[0-9a-z\\\\])")]
    private static partial Regex Operator();

    [GeneratedRegex("(?<![a-zA-Z0-9]) +| +(?![a-zA-Z0-9])")]
    private static partial Regex Loose();

    [GeneratedRegex("^[A-Za-z]+$")]
    private static partial Regex Word();

    [GeneratedRegex("^(-?)\\\\[dt]?frac\\{([0-9]{1,9})\\}\\{([0-9]{1,9})\\}$")]
    private static partial Regex Fraction();

    [GeneratedRegex("^[0-9]{4,15}$")]
    private static partial Regex Large();
}
