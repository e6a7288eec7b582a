namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>
/// Writes values in one way each. What is equal under the rules mostly has one form, what is not never has: where a value equals two that
/// differ, as 5 equals 5 cm and 5 m, the three have three forms.
/// </summary>
/// <param name="rules">The policy's rules.</param>
internal sealed class CanonicalForm(EquivalenceRules rules)
{
    /// <summary>The canonical text of an answer: of its value where it has one, else its spelling.</summary>
    public string Of(Answer answer) => answer.Value is null ? "spelled " + answer.Spelling
        : AnswerCheck.IsName(answer) ? "name " + answer.Word
        : rules.LiteralFractions && AnswerCheck.Fraction(answer.Node) is var (negative, above, below)
            ? $"{(negative ? "-" : "")}{above}/{below}"
        : Of(answer.Value);

    private string Of(Value value) => value switch
    {
        ScalarValue scalar => (scalar.Unit is { } unit ? Units.Canonical(scalar.Scalar, unit) : scalar.Scalar.Key)
            + (scalar.IsPercent ? "%" : ""),
        // What has no letters is told apart by its signs.
        TextValue text => Spelling.Letters(text.Text) is { Length: > 0 } letters ? $"'{letters}'" : $"signs '{text.Text}'",
        NamedValue { Value: RealSetValue } named => $"{named.Name} in {Of(named.Value)}",
        NamedValue named => rules.StrictNames ? $"{named.Name} = {Of(named.Value)}" : Of(named.Value),
        ListValue { IsBare: true } or ListValue { IsSet: true } => Of((ListValue)value),
        ListValue list => $"{list.Open}{string.Join(", ", list.Items.Select(Of))}{list.Close}",
        MatrixValue matrix => $"matrix {string.Join("; ", matrix.Rows.Select(r => string.Join(", ", r.Select(Of))))}",
        RealSetValue set => string.Join(" u ", set.Intervals.Select(Of)),
        EquationValue equation => $"0 = {equation.Difference.Key}",
        InequalityValue inequality =>
            string.Join(" and ", inequality.Conditions.Zip(inequality.Lower, Of).Order(StringComparer.Ordinal)),
        RatioValue ratio => string.Join(":", ratio.Parts.Select(Of)),
        _ => throw new InvalidOperationException(value.GetType().Name),
    };

    // In any order, unless the rules keep it; with names where they tell the items apart.
    private string Of(ListValue list)
    {
        var names = list.Items.OfType<NamedValue>().Select(n => n.Name).Distinct().Count();
        var items = list.Items.Select(i => i is NamedValue named && names > 1 ? $"{named.Name} = {Of(named.Value)}" : Of(i));
        return $"{{{string.Join(", ", rules.OrderedLists && list.IsBare ? items : items.Order(StringComparer.Ordinal))}}}";
    }

    // Between numbers the sides tell 1 < 2 from 2 < 3.
    private static string Of((Scalar Difference, char Operator) condition, Scalar lower) => condition.Difference.IsConstant
        ? $"{lower.Key} {condition.Operator} {lower.Key}-({condition.Difference.Key})"
        : $"{condition.Difference.Key} {condition.Operator} 0";

    private static string Of(Interval interval) =>
        $"{(interval.LowClosed ? '[' : '(')}{interval.Low.Key}, {interval.High.Key}{(interval.HighClosed ? ']' : ')')}";
}
