namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>One check: the reference is read, candidates are tried in order, the first that can be read is compared.</summary>
internal static class AnswerCheck
{
    private const int MostCandidates = 12;

    public static CheckResult Run(AnswerPolicy policy, string? completion, string? gold)
    {
        var budget = new Budget(policy.MaxSteps);
        if (string.IsNullOrWhiteSpace(gold))
            return new(Verdict.Unparseable, Extract(policy, completion), 0, GoldReadable: false);
        var visible = Visible(policy, completion);
        if (Pick(policy, policy.GoldSources, gold, budget) is not { } reference)
            return new(budget.Exhausted ? Verdict.OverBudget : Verdict.Unparseable, null, budget.Spent, GoldReadable: false);
        var readable = reference.Answer is { } known && (known.Value is not null || known.Spelling.Length > 0)
            && (policy.Rules.Words || known.Value is not (null or TextValue));
        if (Pick(policy, policy.Sources, visible, budget) is not { } found)
            return new(budget.Exhausted ? Verdict.OverBudget : Verdict.Unparseable, null, budget.Spent, readable);
        if (!readable)
            return new(budget.Exhausted ? Verdict.OverBudget : Verdict.Unparseable, found.Text, budget.Spent, GoldReadable: false);
        var verdict = policy.Rules.SpellingOnly
            ? MathSpelling.Normalize(reference.Text) == MathSpelling.Normalize(found.Text) ? Verdict.Right : Verdict.Wrong
            : Compare(policy.Rules, reference, found, budget);
        return new(verdict, found.Text, budget.Spent, readable);
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
        if (Answer.Read(answer, budget) is not { } read || budget.Exhausted)
            return null;
        return CanonicalForm.Of(read);
    }

    public static bool Equivalent(AnswerPolicy policy, string? left, string? right)
    {
        if (string.IsNullOrWhiteSpace(left) || string.IsNullOrWhiteSpace(right))
            return false;
        if (policy.Rules.SpellingOnly)
            return MathSpelling.Normalize(left) == MathSpelling.Normalize(right);
        var budget = new Budget(policy.MaxSteps);
        var (a, b) = (new Candidate(left, Answer.Read(left, budget)), new Candidate(right, Answer.Read(right, budget)));
        return Compare(policy.Rules, a, b, budget) == Verdict.Right || Compare(policy.Rules, b, a, budget) == Verdict.Right;
    }

    /// <summary>Compares two answers that were read.</summary>
    private static Verdict Compare(EquivalenceRules rules, Candidate gold, Candidate found, Budget budget)
    {
        if (gold.Answer is not { } a || found.Answer is not { } b)
            return budget.Exhausted ? Verdict.OverBudget : Verdict.Unparseable;
        if (a.Spelling.Length > 0 && a.Spelling == b.Spelling)
            return Verdict.Right;
        if (rules.LiteralFractions && IsFraction(a.Node) && IsFraction(b.Node))
            return Verdict.Wrong;
        if (Values(rules, a, b, budget))
            return Verdict.Right;
        // Words may be set as words or as a product of letters.
        if ((a.IsText || b.IsText || a.Value is null) && a.Word is { Length: > 0 } word && word == b.Word)
            return Verdict.Right;
        // A comma that was read as one of thousands may separate a list.
        if ((a.HasGroupedNumbers || b.HasGroupedNumbers) && a.Value is ListValue != b.Value is ListValue
            && Answer.Read(a.Text, budget, thousands: false) is { } c && Answer.Read(b.Text, budget, thousands: false) is { } d
                && Values(rules, c, d, budget))
        {
            return Verdict.Right;
        }

        if (budget.Exhausted)
            return Verdict.OverBudget;
        return a.Value is null || b.Value is null ? Verdict.Unparseable : Verdict.Wrong;
    }

    private static bool Values(EquivalenceRules rules, Answer gold, Answer found, Budget budget) =>
        gold.Value is { } a && found.Value is { } b
        && new Comparer(rules, budget).Equal(a, b) is true;

    private static bool IsFraction(Node? node) => node switch
    {
        { Kind: NodeKind.Negative } => IsFraction(node.Children[0]),
        { Kind: NodeKind.Fraction } => Array.TrueForAll(node.Children, c => c.Kind == NodeKind.Number),
        { Kind: NodeKind.Product, Children: [{ Kind: NodeKind.Number }, { Kind: NodeKind.Inverse } divisor] } =>
            divisor.Children[0].Kind == NodeKind.Number,
        _ => false,
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
                var candidate = new Candidate(found, Answer.Read(found, budget));
                var isPlace = source is AnswerSource.Box or AnswerSource.Boxes or AnswerSource.Marker or AnswerSource.Letter
                    or AnswerSource.Tag;
                if (isPlace || candidate.Answer is { Value: not null and not TextValue })
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
}
