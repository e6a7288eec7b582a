namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Writes values in one way each.</summary>
internal static class CanonicalForm
{
    /// <summary>The canonical text of an answer: of its value where it has one, else its spelling.</summary>
    public static string Of(Answer answer) => answer.Value is null ? "spelled " + answer.Spelling : Of(answer.Value);

    private static string Of(Value value) => value switch
    {
        ScalarValue scalar => scalar.IsPercent ? scalar.Scalar.Key + "%" : scalar.Scalar.Key,
        TextValue text => $"'{Spelling.Letters(text.Text)}'",
        NamedValue named => Of(named.Value),
        ListValue { IsBare: true } or ListValue { IsSet: true } =>
            $"{{{string.Join(", ", ((ListValue)value).Items.Select(Of).Order(StringComparer.Ordinal))}}}",
        ListValue list => $"{list.Open}{string.Join(", ", list.Items.Select(Of))}{list.Close}",
        MatrixValue matrix => $"matrix {string.Join("; ", matrix.Rows.Select(r => string.Join(", ", r.Select(Of))))}",
        RealSetValue set => set.Intervals is [var one] ? Of(one) : $"{string.Join(" u ", set.Intervals.Select(Of))}",
        EquationValue equation => $"0 = {equation.Difference.Key}",
        InequalityValue inequality =>
            string.Join(" and ", inequality.Conditions.Select(c => $"{c.Difference.Key} {c.Operator} 0").Order(StringComparer.Ordinal)),
        RatioValue ratio => string.Join(":", ratio.Parts.Select(Of)),
        _ => "",
    };

    private static string Of(Interval interval) =>
        $"{(interval.LowClosed ? '[' : '(')}{interval.Low.Key}, {interval.High.Key}{(interval.HighClosed ? ']' : ')')}";
}
