namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Equations, inequalities, membership and sets.</summary>
internal sealed partial class Evaluator
{
    private Value? Relation(Node node)
    {
        var (operands, operators) = (node.Children, node.Text);
        // What follows an approximation is a rounding of what precedes it.
        var approximate = operators.IndexOf('≈');
        if (approximate > 0 || (approximate == 0 && !IsName(operands[0])))
            (operands, operators) = (operands[..(approximate + 1)], operators[..approximate]);
        else if (approximate == 0)
            (operands, operators) = (operands[..2], "=");
        if (operands.Length == 1)
            return Plain(operands[0]);
        if (operators == "∈")
            return Plain(operands[1]) is { } set ? Named(operands[0], set) : null;
        if (operators.AsSpan().IndexOfAnyExcept('=') < 0)
            return Equality(operands);
        return operators.All(o => "<>≤≥≠=".Contains(o)) ? Inequality(operands, operators) : null;
    }

    private Value? Equality(Node[] operands)
    {
        var last = operands[^1];
        if (IsName(operands[0]))
            return Plain(last) is { } value ? Named(operands[0], value) : null;
        if (IsName(last))
            return Plain(operands[^2]) is { } reversed ? Named(last, reversed) : null;
        if (Plain(operands[0]) is not ScalarValue left || Plain(last) is not ScalarValue right)
            return null;
        // A chain of numbers is a calculation; its end is the answer.
        if (left.Scalar.IsConstant && right.Scalar.IsConstant)
            return right;
        return Scalar.Subtract(left.Scalar, right.Scalar, budget) is { } difference
            ? new EquationValue(difference) { Total = right.Scalar.IsConstant && IsSumOfNames(operands[0]) ? right : null }
            : null;
    }

    // m + n, a + b + c: what a question may ask for.
    private static bool IsSumOfNames(Node node) =>
        node.Kind == NodeKind.Sum && Array.TrueForAll(node.Children, c => c.Kind == NodeKind.Symbol && IsName(c));

    private Value? Inequality(Node[] operands, string operators)
    {
        var conditions = new List<(Scalar, char)>();
        var lower = new List<Scalar>();
        Scalar? real = null;
        for (var i = 0; i < operators.Length; i++)
        {
            if (Plain(operands[i]) is not ScalarValue { Scalar: var left }
                || Plain(operands[i + 1]) is not ScalarValue { Scalar: var right })
                return null;
            var (low, high, comparison) = operators[i] switch
            {
                '>' => (right, left, '<'),
                '≥' => (right, left, '≤'),
                var same => (left, right, same),
            };
            if (low.IsInfinite || high.IsInfinite)
            {
                // -infinity < x says nothing more than that x is real.
                real = Bounded(low, high);
                if (real is null || comparison is not ('<' or '≤'))
                    return null;
                continue;
            }

            if (Scalar.Subtract(low, high, budget) is not { } difference)
                return null;
            conditions.Add((difference, comparison));
            lower.Add(low);
        }

        if (conditions.Count == 0)
        {
            return Linear.Of(real!, budget) is var (variable, _, _)
                && Linear.UnfoldAbsolute(variable, RealSets.All, budget) is var (of, reals)
                ? new NamedValue(of.Key, of, reals, IsSolved: true)
                : null;
        }

        var inequality = new InequalityValue([.. conditions]) { Lower = [.. lower] };
        return RealSets.Solve(inequality, budget) is var (name, set) ? new NamedValue(name.Key, name, set, IsSolved: true) : inequality;
    }

    // The finite side of what is true of every real: above minus infinity or below infinity; null for anything else.
    private Scalar? Bounded(Scalar low, Scalar high) =>
        RealSets.Place(low, budget) is double.NegativeInfinity ? (high.IsInfinite ? null : high)
        : RealSets.Place(high, budget) is double.PositiveInfinity && !low.IsInfinite ? low : null;

    private NamedValue Named(Node name, Value value)
    {
        var scalar = (Plain(name) as ScalarValue)?.Scalar;
        return new(scalar?.Key ?? NameOf(name), scalar, value);
    }

    private string NameOf(Node node) => node.Kind switch
    {
        NodeKind.Symbol or NodeKind.Text => node.Text,
        NodeKind.Number => node.Value.ToString(),
        _ => $"{node.Text}({string.Join(",", node.Children.Select(NameOf))})",
    };

    // x, x_1, f(x), AB, |AB|, (p, q), NO/BO, S_1 : S_2: what an answer may call its value. No numbers, sums or powers.
    private static bool IsName(Node node) => node.Kind switch
    {
        NodeKind.Symbol => node.Text is not ("e" or "i" or "pi" or "infty" or "emptyset") && node.Text[0] is not (>= '0' and <= '9'),
        NodeKind.Text => true,
        NodeKind.Function => node.Text is "abs" or "overline" or "vec" or "hat" or "det" or "arg" or "max" or "min" or "gcd" or "lcm"
            ? Array.TrueForAll(node.Children, IsName)
            : node.Text[0] is 'f' or 'g' or 'h' && (node.Text.Length == 1 || node.Text[1] is '_' or '\'' or '^'),
        NodeKind.Fraction or NodeKind.Inverse or NodeKind.Ratio => Array.TrueForAll(node.Children, IsName),
        NodeKind.Product => Array.TrueForAll(node.Children, IsName) || IsCall(node),
        NodeKind.List => node.Text[0] != Marks.OpenSet && Array.TrueForAll(node.Children, IsName),
        _ => false,
    };

    // P(x) and W(2) are read as products; on the left of an equation they name a value.
    private static bool IsCall(Node node) =>
        node.Children is [{ Kind: NodeKind.Symbol }, { Kind: NodeKind.Symbol or NodeKind.Number or NodeKind.List or NodeKind.Product }]
        && char.IsAsciiLetterUpper(node.Children[0].Text[0]);

    private RealSetValue? SetExpression(Node node)
    {
        var parts = Array.ConvertAll(node.Children, Plain);
        RealSetValue? result = null;
        foreach (var part in parts)
        {
            if (part is null || RealSets.Of(part, budget) is not { } set)
                return null;
            result = result is null ? set : node.Kind switch
            {
                NodeKind.Union => RealSets.Union(result, set, budget),
                NodeKind.Intersection => RealSets.Intersection(result, set, budget),
                _ => RealSets.Without(result, set, budget),
            };
            if (result is null)
                return null;
        }

        return result;
    }
}
