namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Decides whether two values are the same answer. Null where it cannot be told, for want of budget or of a normal form.</summary>
/// <param name="rules">The policy's rules.</param>
/// <param name="budget">Pays for it.</param>
internal sealed partial class Comparer(EquivalenceRules rules, Budget budget)
{
    /// <summary>Whether the answer equals the reference.</summary>
    public bool? Equal(Value gold, Value answer)
    {
        if (!budget.Spend(2))
            return null;
        if (!rules.RelationsForSets && answer is NamedValue { IsSolved: true } && IsSet(gold))
            return false;
        return (gold, answer) switch
        {
            (ScalarValue a, ScalarValue b) => Scalars(a, b),
            (TextValue a, TextValue b) => Spelling.Letters(a.Text) is { Length: > 0 } word && word == Spelling.Letters(b.Text),
            (TextValue a, ScalarValue b) => Words(a, b),
            (ScalarValue a, TextValue b) => Words(b, a),
            (NamedValue a, NamedValue b) => BothNamed(a, b),
            (NamedValue a, EquationValue b) => Equation(a) is { } equation ? Equations(equation, b) : false,
            (EquationValue a, NamedValue b) => Equation(b) is { } equation ? Equations(a, equation) : false,
            (NamedValue a, _) => Equal(a.Value, answer),
            (_, NamedValue b) => Equal(gold, b.Value),
            (EquationValue a, EquationValue b) => Equations(a, b),
            (ScalarValue { Scalar.IsConstant: true } a, EquationValue { Total: { } total }) => Scalars(a, total),
            (InequalityValue a, InequalityValue b) => Inequalities(a, b),
            (MatrixValue a, MatrixValue b) => Matrix(a, b),
            (RatioValue a, RatioValue b) => Ratios(a, b),
            (RatioValue { Parts.Length: 2 } a, ScalarValue b) => Quotient(a) is { } quotient ? Scalars(quotient, b) : false,
            (ScalarValue a, RatioValue { Parts.Length: 2 } b) => Quotient(b) is { } quotient ? Scalars(a, quotient) : false,
            (ListValue a, ListValue b) => Lists(a, b),
            (RealSetValue or ListValue, RealSetValue or ListValue) => Sets(gold, answer),
            (ListValue a, ScalarValue b) => OneNumber(a) is { } value && Scalars(value, b) is true,
            (ScalarValue a, ListValue b) => OneNumber(b) is { } value && Scalars(a, value) is true,
            _ => false,
        };
    }

    private static bool IsSet(Value value) => value switch
    {
        NamedValue { IsSolved: false } named => IsSet(named.Value),
        RealSetValue or ListValue { IsInterval: true } or ListValue { IsSet: true } => true,
        _ => false,
    };

    // "five", and in a list of choices \text{A}, which may be the variable A.
    private bool? Words(TextValue text, ScalarValue scalar)
    {
        if (rules.NumberWords && NumberWords.Read(text.Text) is { } value)
            return Scalars(value, scalar);
        return Spelling.Letters(text.Text) is { Length: 1 } letter && scalar.Unit is null
            && scalar.Scalar.Key == Scalar.Of(Atom.OfSymbol(letter)).Key;
    }

    private bool? BothNamed(NamedValue gold, NamedValue answer)
    {
        if (rules.StrictNames && gold.Name != answer.Name)
            return false;
        if (Equal(gold.Value, answer.Value) is true)
            return gold.Value is not RealSetValue || gold.Name == answer.Name;
        // y = 2x and 2x = y: the same equation with another name on the left.
        return Equation(gold) is { } a && Equation(answer) is { } b ? Equations(a, b) : false;
    }

    private EquationValue? Equation(NamedValue named) =>
        named is { NameScalar: { } name, Value: ScalarValue { Scalar: var value } }
        && Scalar.Subtract(name, value, budget) is { } difference ? new EquationValue(difference) : null;

    private bool? Matrix(MatrixValue gold, MatrixValue answer)
    {
        if (gold.Rows.Length != answer.Rows.Length || gold.Rows[0].Length != answer.Rows[0].Length)
            return false;
        for (var i = 0; i < gold.Rows.Length; i++)
        {
            for (var j = 0; j < gold.Rows[i].Length; j++)
            {
                if (Equal(gold.Rows[i][j], answer.Rows[i][j]) is not true)
                    return false;
            }
        }

        return true;
    }

    private bool? Ratios(RatioValue gold, RatioValue answer)
    {
        if (gold.Parts.Length != answer.Parts.Length)
            return false;
        if (Units.Factor(gold.Parts[^1].Unit, answer.Parts[^1].Unit) is null)
            return false;
        if (Enumerable.Range(0, gold.Parts.Length).All(i => Scalars(gold.Parts[i], answer.Parts[i]) is true))
            return true;
        // 2 : 4 is 1 : 2, but 2:40 is not 1:20, for both may be times of day.
        if (IsTime(gold) && IsTime(answer))
            return false;
        if (gold.Parts.Concat(answer.Parts).Any(p => p.Unit is not null || p.Scalar.AsRational is not { Sign: > 0 }))
            return false;
        var factor = gold.Parts[0].Scalar.AsRational!.Value / answer.Parts[0].Scalar.AsRational!.Value;
        return Enumerable.Range(1, gold.Parts.Length - 1).All(i =>
            gold.Parts[i].Scalar.AsRational!.Value == factor * answer.Parts[i].Scalar.AsRational!.Value);
    }

    private static bool IsTime(RatioValue ratio) => ratio.Parts is [var hours, .. var rest]
        && hours.Scalar.AsRational is { IsInteger: true } first && first.Numerator <= 24
        && Array.TrueForAll(rest, p => p.Scalar.AsRational is { IsInteger: true } part && part.Numerator < 60
            && (part.Numerator >= 10 || p.Digits == 2));

    private ScalarValue? Quotient(RatioValue ratio) =>
        ratio.Parts[1].Unit is null && Scalar.Divide(ratio.Parts[0].Scalar, ratio.Parts[1].Scalar, budget) is { } quotient
        ? new ScalarValue(quotient, ratio.Parts[0].IsDecimal || ratio.Parts[1].IsDecimal)
        : null;

    // One number that was read as a list: 1,22 and one hundred and five.
    private ScalarValue? OneNumber(ListValue list) => rules.DecimalComma && DecimalComma(list) is { } value ? value
        : rules.NumberWords && list is { IsBare: true, Separator: Marks.And, Items: [TextValue first, TextValue second] }
            ? NumberWords.Read($"{first.Text} and {second.Text}") : null;

    // "1,22" was read as a list of two whole numbers.
    private static ScalarValue? DecimalComma(ListValue list)
    {
        if (!list.IsBare || list.Items is not [ScalarValue whole, ScalarValue part] || whole.Scalar.AsRational is not { IsInteger: true } a
            || part.Scalar.AsRational is not { IsInteger: true, Sign: > 0 } b)
            return null;
        var scale = System.Numerics.BigInteger.Pow(10, Math.Max(part.Digits, b.Numerator.ToString().Length));
        var isNegative = a.Sign < 0 || (a.Sign == 0 && whole.HasMinus);
        return new(Scalar.Of(a + (new Rational(b.Numerator, scale) * (isNegative ? -1 : 1))), IsDecimal: true);
    }
}
