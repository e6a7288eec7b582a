namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Works out what a node is worth. Null where it has no value: 1/0, too large, or a form that is not understood.</summary>
/// <param name="budget">Pays for it.</param>
internal sealed partial class Evaluator(Budget budget)
{
    private int sign = 1;
    private int angles;

    /// <summary>The value of an answer; with a plus-minus sign both values, as a bare list.</summary>
    public Value? Evaluate(Node node)
    {
        // Words behind a list belong to its items and say nothing.
        if (node is { Kind: NodeKind.Unit, Children: [{ Kind: NodeKind.List } list] })
            return Evaluate(list);
        if (!HasOpenSign(node))
            return Plain(node);
        var outer = sign;
        sign = 1;
        var plus = Plain(node);
        sign = -1;
        var minus = Plain(node);
        sign = outer;
        return plus is null || minus is null ? null
            : plus is NamedValue a && minus is NamedValue b ? a with { Value = new ListValue(' ', [a.Value, b.Value], ' ') }
            : new ListValue(' ', [plus, minus], ' ');
    }

    // Whether a plus-minus stands outside of all lists: one inside belongs to its item, so that {±3} is one set and not two.
    private static bool HasOpenSign(Node node) => node.HasPlusMinus && node.Kind != NodeKind.List
        && (node.Kind == NodeKind.PlusMinus || Array.Exists(node.Children, HasOpenSign));

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
                return new RealSetValue([new(Scalar.Infinity.Negated(), false, Scalar.Infinity, false)]);
            case NodeKind.Negative when Plain(node.Children[0]) is { } negated:
                return negated switch
                {
                    ScalarValue scalar => scalar with { Scalar = scalar.Scalar.Negated(), HasMinus = true },
                    MatrixValue matrix => Matrices.Scale(matrix, Scalar.One.Negated(), budget),
                    _ => null,
                };
            case NodeKind.Sum or NodeKind.Product when HasMatrix(node):
                return Matrices.Combine(node.Kind, node.Children, Plain, budget);
            default:
                return Number(node) is { } number ? new ScalarValue(number, node.HasDecimal) { Digits = node.Digits } : null;
        }
    }

    private static bool HasMatrix(Node node) => node.Kind == NodeKind.Matrix
        || (node.Kind is NodeKind.Sum or NodeKind.Product or NodeKind.Negative && Array.Exists(node.Children, HasMatrix));

    private Value? WithUnit(Node node) => Plain(node.Children[0]) switch
    {
        ScalarValue scalar when Spelling.Letters(node.Text) is "degrees" or "degree" => scalar with { Unit = "degrees" },
        ScalarValue scalar => Multiplied(scalar, node.Text),
        RatioValue { Parts: [.. var rest, var last] } => new RatioValue([.. rest, last with { Unit = node.Text }]),
        var other => other,
    };

    // "1.2 million dollars" is 1,200,000 dollars.
    private ScalarValue? Multiplied(ScalarValue scalar, string unit)
    {
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

    private ListValue? List(Node node)
    {
        var items = new List<Value>();
        foreach (var child in node.Children)
        {
            var item = Evaluate(child);
            if (item is null)
                return null;
            // "1 ± sqrt 5, -2" has three items.
            if (child.HasPlusMinus && child.Kind != NodeKind.List && item is ListValue { IsBare: true } both)
                items.AddRange(both.Items);
            else if (HasOpenSign(child) && item is NamedValue { Value: ListValue { IsBare: true } values } named)
                items.AddRange(values.Items.Select(value => named with { Value = value }));
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
