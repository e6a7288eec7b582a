namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Values with units, multipliers and moduli, also inside of sums, products and fractions.</summary>
internal sealed partial class Evaluator
{
    private static bool IsQuantity(NodeKind kind) => kind is NodeKind.Sum or NodeKind.Product or NodeKind.Fraction or NodeKind.Negative
        or NodeKind.PlusMinus or NodeKind.Unit;

    // 1 m + 1 cm is 1.01 m, and 6 m over 2 s is 3 m/s. Null where measures of different things are added.
    private ScalarValue? Quantity(Node node)
    {
        if (!node.HasUnit || !IsQuantity(node.Kind))
            return Number(node) is { } number ? new ScalarValue(number, node.HasDecimal) : null;
        if (!budget.Spend(2) || Quantity(node.Children[0]) is not { } first)
            return null;
        switch (node.Kind)
        {
            case NodeKind.Unit:
                return Measured(first, node.Text);
            case NodeKind.Negative:
                return Negated(first);
            case NodeKind.PlusMinus:
                return node.Text[0] == '±' == takesLower ? Negated(first) : first;
        }

        var result = first;
        foreach (var child in node.Children.AsSpan(1))
        {
            var divides = node.Kind == NodeKind.Fraction || child.Kind == NodeKind.Inverse;
            if (Quantity(child.Kind == NodeKind.Inverse ? child.Children[0] : child) is not { } next
                || (node.Kind == NodeKind.Sum ? Added(result, next) : Multiplied(result, next, divides)) is not { } combined)
                return null;
            result = combined;
        }

        return result with { IsDecimal = node.HasDecimal };
    }

    private static ScalarValue Negated(ScalarValue value) => value with { Scalar = value.Scalar.Negated() };

    private ScalarValue? Added(ScalarValue a, ScalarValue b) => Units.Factor(b.Unit, a.Unit) is { } factor
        && Scalar.Add(a.Scalar, b.Scalar.Times(factor), budget) is { } sum ? new(sum, Unit: a.Unit ?? b.Unit) : null;

    private ScalarValue? Multiplied(ScalarValue a, ScalarValue b, bool divides)
    {
        if ((divides ? Scalar.Divide(a.Scalar, b.Scalar, budget) : Scalar.Multiply(a.Scalar, b.Scalar, budget)) is not { } value)
            return null;
        var unit = Units.Combine(a.Unit, b.Unit, divides);
        // A metre over a centimetre is 100.
        return unit is not null && Units.Pure(unit) is { } pure ? new(value.Times(pure)) : new(value, Unit: unit);
    }

    private Value? WithUnit(Node node) => Plain(node.Children[0]) switch
    {
        ScalarValue scalar => Measured(scalar, node.Text),
        RatioValue { Parts: [.. var rest, var last] } => new RatioValue([.. rest, last with { Unit = node.Text }]),
        var other => other,
    };

    // "1.2 million dollars" is 1,200,000 dollars.
    private ScalarValue? Measured(ScalarValue scalar, string unit)
    {
        if (Spelling.Letters(unit) is "degrees" or "degree")
            return scalar with { Unit = "degrees" };
        var words = unit.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var (value, at) = (scalar.Scalar, 0);
        for (; at < words.Length && Vocabulary.Multiplier.TryGetValue(words[at], out var factor); at++)
        {
            if (Scalar.Multiply(value, Scalar.Of((Rational)new System.Numerics.BigInteger(factor)), budget) is not { } product)
                return null;
            value = product;
        }

        return scalar with { Scalar = value, Unit = at == words.Length ? scalar.Unit : string.Join(' ', words[at..]) };
    }
}
