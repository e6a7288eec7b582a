namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>One check: the reference is read, candidates are tried in order, the first that can be read is compared.</summary>
internal static class AnswerCheck
{
    private const int MostCandidates = 12;

    public static CheckResult Run(AnswerPolicy policy, string? completion, string? gold)
    {
        if (string.IsNullOrWhiteSpace(gold))
            return new(Verdict.Unparseable, Extract(policy, completion), 0, GoldReadable: false);
        var budgets = new Budgets(policy.MaxSteps);
        var reference = Pick(policy, policy.GoldSources, gold, budgets.Gold);
        var found = Pick(policy, policy.Sources, Visible(policy, completion), budgets.Answer);
        var value = reference?.Answer?.Value;
        var readable = value is not null && (policy.Rules.Words || value is not TextValue);
        if (reference is null || found is null || (!readable && !policy.Rules.Words))
            return new(budgets.Exhausted ? Verdict.OverBudget : Verdict.Unparseable, found?.Text, budgets.Spent, readable);
        var verdict = policy.Rules.SpellingOnly
            ? MathSpelling.Normalize(reference.Text) == MathSpelling.Normalize(found.Text) ? Verdict.Right : Verdict.Wrong
            : Compare(policy.Rules, reference, found, budgets);
        return new(verdict, found.Text, budgets.Spent, readable || verdict == Verdict.Right || policy.Rules.SpellingOnly);
    }

    public static string? Extract(AnswerPolicy policy, string? completion)
    {
        var budget = new Budget(policy.MaxSteps);
        return Pick(policy, policy.Sources, Visible(policy, completion), budget)?.Text;
    }

    public static string? Canonical(AnswerPolicy policy, string? answer)
    {
        if (string.IsNullOrWhiteSpace(answer))
            return null;
        if (policy.Rules.SpellingOnly)
            return MathSpelling.Normalize(answer);
        var budget = new Budget(policy.MaxSteps);
        if (Answer.Read(answer, budget, letterUnits: policy.Rules.LetterUnits) is not { } read || budget.Exhausted)
            return null;
        var number = policy.Rules.NumberWords ? Worded(read) : null;
        return new CanonicalForm(policy.Rules).Of(number is null ? read : read with { Value = number });
    }

    public static bool Equivalent(AnswerPolicy policy, string? left, string? right)
    {
        if (string.IsNullOrWhiteSpace(left) || string.IsNullOrWhiteSpace(right))
            return false;
        if (policy.Rules.SpellingOnly)
            return MathSpelling.Normalize(left) == MathSpelling.Normalize(right);
        var budgets = new Budgets(policy.MaxSteps);
        var a = new Candidate(left, Answer.Read(left, budgets.Gold, letterUnits: policy.Rules.LetterUnits));
        var b = new Candidate(right, Answer.Read(right, budgets.Answer, letterUnits: policy.Rules.LetterUnits));
        return Compare(policy.Rules, a, b, budgets) == Verdict.Right || Compare(policy.Rules, b, a, budgets) == Verdict.Right;
    }

    /// <summary>Compares two answers that were read.</summary>
    private static Verdict Compare(EquivalenceRules rules, Candidate gold, Candidate found, Budgets budgets)
    {
        // Tokens are wanting only where the budget is.
        if (gold.Answer is not { } a || found.Answer is not { } b)
            return Verdict.OverBudget;
        if (a.Spelling.Length > 0 && a.Spelling == b.Spelling)
            return Verdict.Right;
        if (rules.LiteralFractions && Fraction(a.Node) is { } left && Fraction(b.Node) is { } right && left != right)
            return Verdict.Wrong;
        if (IsName(a) && IsName(b) && a.Word != b.Word)
            return Verdict.Wrong;
        if (Values(rules, a, b, budgets.Comparison))
            return Verdict.Right;
        // Words may be set as words or as a product of letters.
        if ((a.IsText || b.IsText || a.Value is null) && a.Word is { Length: > 0 } word && word == b.Word)
            return Verdict.Right;
        // A comma that was read as one of thousands may separate a list.
        if (a.Value is ListValue != b.Value is ListValue
            && Answer.Read(a.Text, budgets.Comparison, thousands: false, rules.LetterUnits) is { } c
                && Answer.Read(b.Text, budgets.Comparison, thousands: false, rules.LetterUnits) is { } d
                && Values(rules, c, d, budgets.Comparison))
        {
            return Verdict.Right;
        }

        if (budgets.Exhausted)
            return Verdict.OverBudget;
        return a.Value is null || b.Value is null ? Verdict.Unparseable : Verdict.Wrong;
    }

    private static bool Values(EquivalenceRules rules, Answer gold, Answer found, Budget budget) =>
        gold.Value is { } a && found.Value is { } b
        && new Comparer(rules, budget).Equal(a, b) is true;

    private static ScalarValue? Worded(Answer? answer) => answer?.Value is TextValue words ? NumberWords.Read(words.Text) : null;

    /// <summary>Whether it is ABC or the like, which may be a name or an order and no product. With signs of multiplication it has no
    /// word, and is a product.</summary>
    public static bool IsName(Answer answer) =>
        answer is { Word: not null, Node: { Kind: NodeKind.Product, Children: { Length: >= 3 } letters } }
        && Array.TrueForAll(letters, c => c is { Kind: NodeKind.Symbol, Text: [>= 'A' and <= 'Z'] });

    /// <summary>Numerator and denominator as they are written; null for anything else.</summary>
    public static (bool Negative, Rational Above, Rational Below)? Fraction(Node? node) => node switch
    {
        { Kind: NodeKind.Negative } => Fraction(node.Children[0]) is var (negative, above, below) ? (!negative, above, below) : null,
        { Kind: NodeKind.Fraction, Children: [{ Kind: NodeKind.Number } above, { Kind: NodeKind.Number } below] } =>
            (false, above.Value, below.Value),
        { Kind: NodeKind.Product, Children: [{ Kind: NodeKind.Number } above, { Kind: NodeKind.Inverse } divisor] }
            when divisor.Children[0].Kind == NodeKind.Number => (false, above.Value, divisor.Children[0].Value),
        _ => null,
    };

    private static string? Visible(AnswerPolicy policy, string? completion)
    {
        if (completion is null || policy.After is not { } tag)
            return completion;
        var at = completion.LastIndexOf(tag, StringComparison.Ordinal);
        return at < 0 ? null : completion[(at + tag.Length)..];
    }

    // The first candidate with a value, else the first one at all.
    private static Candidate? Pick(AnswerPolicy policy, IReadOnlyList<AnswerSource> sources, string? text, Budget budget)
    {
        if (string.IsNullOrWhiteSpace(text))
            return null;
        Candidate? first = null;
        var tried = 0;
        foreach (var source in sources)
        {
            foreach (var found in Extractor.Find(source, text, policy))
            {
                if (++tried > MostCandidates)
                    return first;
                var candidate = new Candidate(found, Answer.Read(found, budget, letterUnits: policy.Rules.LetterUnits));
                var isPlace = source is AnswerSource.Box or AnswerSource.Boxes or AnswerSource.Marker or AnswerSource.Letter
                    or AnswerSource.Tag
                    || (source is AnswerSource.FinalAnswer or AnswerSource.AnswerIs or AnswerSource.Stated
                        && PhraseFinder.IsQualified(found));
                if (isPlace || candidate.Answer is { Value: not null and not TextValue }
                    || (policy.Rules.NumberWords && Worded(candidate.Answer) is not null))
                    return candidate;
                if (budget.Exhausted)
                    return first ?? candidate;
                if (source != AnswerSource.Bare)
                    first ??= candidate;
            }
        }

        return first;
    }

    /// <summary>A text that may be the answer, and what was read in it.</summary>
    private sealed record Candidate(string Text, Answer? Answer);

    /// <summary>A third each for the reference, the answer and their comparison, so that one that is too large
    /// does not hide the other.</summary>
    private sealed class Budgets(int steps)
    {
        public Budget Gold { get; } = new(Math.Max(1, steps / 3));

        public Budget Answer { get; } = new(Math.Max(1, steps / 3));

        public Budget Comparison { get; } = new(Math.Max(1, steps / 3));

        public bool Exhausted => Gold.Exhausted || Answer.Exhausted || Comparison.Exhausted;

        public int Spent => Gold.Spent + Answer.Spent + Comparison.Spent;
    }
}
