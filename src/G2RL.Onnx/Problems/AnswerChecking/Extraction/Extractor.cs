namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Finds candidates for the answer, the likeliest first.</summary>
internal static class Extractor
{
    private const int MostFormulas = 4;
    private const int LongestBare = 300;
    private static readonly string[] FinalIs = ["final answer is"];
    private static readonly string[] Final = ["final answer"];
    private static readonly string[] Is = ["answer is", "answer:", "answer**:", "answer:**", "answer is:", "answer ="];

    /// <summary>What a source finds, in the order in which it should be tried. Empty without any.</summary>
    public static IEnumerable<string> Find(AnswerSource source, string text, AnswerPolicy policy) => source switch
    {
        AnswerSource.Box => One(BoxFinder.Last(text, policy.UnclosedBoxes)),
        AnswerSource.Boxes => One(BoxFinder.LastRun(text, policy.UnclosedBoxes)),
        AnswerSource.Stated => Stated(text, policy),
        AnswerSource.Marker => One(PhraseFinder.AfterMarker(text, policy.Marker)),
        AnswerSource.FinalAnswer => Clause(PhraseFinder.After(text, Final), policy),
        AnswerSource.AnswerIs => Clause(PhraseFinder.After(text, Is), policy),
        AnswerSource.Tag => One(PhraseFinder.Tag(text, "answer")),
        AnswerSource.Bare => text.Length <= LongestBare && !FormulaFinder.IsProse(text) ? One(text.Trim()) : [],
        AnswerSource.Formula => FormulaFinder.Last(text, MostFormulas).Select(f => f.Content),
        AnswerSource.FormulaOrNumber => Either(text, policy.Rules.DecimalComma),
        AnswerSource.Number => One(NumberFinder.Last(text, policy.Rules.DecimalComma)),
        AnswerSource.Letter => One(ChoiceFinder.Letter(text, policy.Choices)),
        _ => One(text.Trim()),
    };

    private static IEnumerable<string> One(string? found) => found is null ? [] : [found];

    private static IEnumerable<string> Stated(string text, AnswerPolicy policy)
    {
        var box = BoxFinder.LastRun(text, policy.UnclosedBoxes);
        var isLater = text.LastIndexOf(FinalIs[0], StringComparison.OrdinalIgnoreCase)
            > text.LastIndexOf("\\boxed", StringComparison.Ordinal);
        var clause = isLater ? Clause(PhraseFinder.After(text, FinalIs), policy) : [];
        return box is null ? clause : clause.Append(box);
    }

    private static IEnumerable<string> Clause(string? clause, AnswerPolicy policy)
    {
        if (string.IsNullOrEmpty(clause))
            yield break;
        if (PhraseFinder.IsQualified(clause))
        {
            yield return clause;
            yield break;
        }

        foreach (var boxed in One(BoxFinder.Last(clause)))
            yield return boxed;
        if (FormulaFinder.Last(clause, 2) is [{ Start: 0 } only] && only.End == clause.Length)
        {
            yield return only.Content;
            yield break;
        }

        if (HasWord(clause) && Leading(clause) is { } leading)
            yield return leading;
        yield return clause;
        foreach (var found in Either(clause, policy.Rules.DecimalComma))
            yield return found;
    }

    // "$10$ because ..." and "3, not 4": what stands first is the answer.
    private static string? Leading(string clause)
    {
        if (clause[0] is '$' or '\\' && FormulaFinder.Last(clause, int.MaxValue) is [.., { Start: 0 } first])
            return first.Content;
        var length = NumberFinder.Leading(clause);
        var rest = clause.AsSpan(length).TrimStart(" ,;");
        return length > 0 && length < clause.Length && clause[length] is ' ' or ',' or ';' && !rest.IsEmpty
            && char.IsAsciiLetterLower(rest[0])
            && !rest.StartsWith("and") && !rest.StartsWith("or") ? clause[..length] : null;
    }

    // A word of three letters or more outside of commands.
    private static bool HasWord(string clause)
    {
        for (var i = 0; i < clause.Length;)
        {
            var length = 0;
            while (i + length < clause.Length && char.IsAsciiLetter(clause[i + length]))
                length++;
            if (length >= 3 && (i == 0 || clause[i - 1] is not '\\' and not '{') && clause.AsSpan(i, length) is not "and")
                return true;
            i += Math.Max(length, 1);
        }

        return false;
    }

    // The last number counts when it stands behind the last formula: inside of one it is a part of something else.
    private static IEnumerable<string> Either(string text, bool decimalComma)
    {
        var formulas = FormulaFinder.Last(text, MostFormulas);
        var number = NumberFinder.LastOf(text, decimalComma);
        var last = formulas.Count == 0 ? 0 : formulas[0].End - 1;
        if (number is { } range && range.Start.Value >= last)
            yield return text[range];
        foreach (var (_, end, content) in formulas)
            yield return NumberFinder.Percent(text.AsSpan(end)) > 0 ? content + "\\%" : content;
    }
}
