namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Works out what a node is worth. Null where it has no value: 1/0, too large, or a form that is not understood.</summary>
/// <param name="budget">Pays for it.</param>
internal sealed partial class Evaluator(Budget budget)
{
    // Whether the lower one of each double sign is meant.
    private bool takesLower;
    private int angles;

    /// <summary>The value of an answer; with a plus-minus sign both values, as a bare list.</summary>
    public Value? Evaluate(Node node)
    {
        if (!HasOpenSign(node))
            return Plain(node);
        var outer = takesLower;
        takesLower = false;
        var upper = Plain(node);
        takesLower = true;
        var under = Plain(node);
        takesLower = outer;
        return upper is null || under is null ? null : new ListValue(' ', [upper, under], ' ');
    }

    // Whether a plus-minus makes two of a value: (±1, 2) is two pairs. In a set or a bare list it makes two items, so that {±3} is one set.
    private static bool HasOpenSign(Node node) => node.HasPlusMinus
        && (node.Kind == NodeKind.PlusMinus || ((node.Kind != NodeKind.List || IsTuple(node)) && Array.Exists(node.Children, HasOpenSign)));

    private static bool IsTuple(Node list) => list.Text[0] is '(' or '[';

    // Whether the signs of two coordinates may go together or not: (±1, ±2) is two points or four. In (±1, ∓2) they go together.
    private static bool IsUndecided(Node tuple) => tuple.Children.Count(HasOpenSign) > 1 && !HasMinusPlus(tuple);

    private static bool HasMinusPlus(Node node) => node.HasPlusMinus
        && (node is { Kind: NodeKind.PlusMinus, Text: "∓" } || Array.Exists(node.Children, HasMinusPlus));

    private Value? Plain(Node node)
    {
        if (!budget.Spend(2))
            return null;
        switch (node.Kind)
        {
            case NodeKind.Text:
                return new TextValue(node.Text);
            case NodeKind.List:
                return List(node);
            case NodeKind.Matrix:
                return Matrix(node);
            case NodeKind.Relation:
                return Relation(node);
            case NodeKind.Union or NodeKind.Intersection or NodeKind.Difference:
                return SetExpression(node);
            case NodeKind.Ratio:
                return Ratio(node);
            case NodeKind.Percent:
                return Number(node.Children[0]) is { } share ? new ScalarValue(share, node.HasDecimal, IsPercent: true) : null;
            case NodeKind.Unit:
                return WithUnit(node);
            case NodeKind.Degree when angles == 0:
                return Number(node.Children[0]) is { } angle ? new ScalarValue(angle, node.HasDecimal, Unit: "degrees") : null;
            case NodeKind.Symbol when node.Text is "emptyset":
                return new ListValue(Marks.OpenSet, [], Marks.CloseSet);
            case NodeKind.Symbol when node.Text is "reals":
                return RealSets.All;
            case NodeKind.Negative when Plain(node.Children[0]) is { } negated:
                return negated switch
                {
                    ScalarValue scalar => scalar with { Scalar = scalar.Scalar.Negated(), HasMinus = true },
                    MatrixValue matrix => Matrices.Scale(matrix, new(Scalar.One.Negated()), budget),
                    _ => null,
                };
            case NodeKind.Sum or NodeKind.Product when HasMatrix(node):
                return Matrices.Combine(node.Kind, node.Children, Plain, budget);
            case NodeKind.Sum or NodeKind.Product or NodeKind.Fraction or NodeKind.PlusMinus when node.HasUnit:
                return Quantity(node);
            default:
                return Number(node) is { } number ? new ScalarValue(number, node.HasDecimal) { Digits = node.Digits } : null;
        }
    }

    private static bool HasMatrix(Node node) => node.Kind == NodeKind.Matrix
        || (node.Kind is NodeKind.Sum or NodeKind.Product or NodeKind.Negative && Array.Exists(node.Children, HasMatrix));

    private ListValue? List(Node node)
    {
        var isTuple = IsTuple(node);
        if (isTuple && IsUndecided(node))
            return null;
        var items = new List<Value>();
        foreach (var child in node.Children)
        {
            var item = isTuple ? Plain(child) : Evaluate(child);
            if (item is null)
                return null;
            // "1 ± sqrt 5, -2" has three items.
            if (!isTuple && HasOpenSign(child))
                items.AddRange(((ListValue)item).Items);
            else
                items.Add(item);
        }

        return new(node.Text[0], [.. items], node.Text[2], node.Text[1]);
    }

    private MatrixValue? Matrix(Node node)
    {
        var rows = new List<Value[]>();
        foreach (var row in node.Children)
        {
            var cells = Array.ConvertAll(row.Children, Plain);
            if (Array.Exists(cells, c => c is null) || (rows.Count > 0 && rows[0].Length != cells.Length))
                return null;
            rows.Add(cells!);
        }

        return new([.. rows]);
    }

    private RatioValue? Ratio(Node node)
    {
        var parts = Array.ConvertAll(node.Children, c => Plain(c) as ScalarValue);
        return Array.Exists(parts, p => p is null) ? null : new(parts!);
    }
}
