namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Kinds of <see cref="Node"/>.</summary>
internal enum NodeKind
{
    Number,
    Symbol,
    Text,
    Sum,
    Negative,
    PlusMinus,
    Product,
    Inverse,
    Fraction,
    Mixed,
    Power,
    Root,
    Function,
    Percent,
    Degree,
    Unit,
    Ratio,
    List,
    Matrix,
    Row,
    Relation,
    Union,
    Intersection,
    Difference,
}

/// <summary>What an answer says, before it is worked out. Made only through the methods here, which bound its depth.</summary>
internal sealed class Node
{
    private Node(NodeKind kind, string text, Node[] children, Rational value) =>
        (Kind, Text, Children, Value) = (kind, text, children, value);

    public NodeKind Kind { get; }

    /// <summary>A name, a unit, the brackets of a list, the operators of a relation.</summary>
    public string Text { get; }

    public Node[] Children { get; }

    /// <summary>A number's value.</summary>
    public Rational Value { get; }

    public int Depth { get; private init; }

    /// <summary>Whether a number with a decimal point is in it.</summary>
    public bool HasDecimal { get; private init; }

    /// <summary>Whether a plus-minus sign is in it.</summary>
    public bool HasPlusMinus { get; private init; }

    /// <summary>Whether a unit or another word behind a value is in it.</summary>
    public bool HasUnit { get; private init; }

    /// <summary>With how many digits a whole number was written; 0 for anything else.</summary>
    public int Digits { get; private init; }

    public static Node OfNumber(Rational value, bool isDecimal, int digits = 0) =>
        new(NodeKind.Number, "", [], value) { Depth = 1, HasDecimal = isDecimal, Digits = digits };

    /// <summary>A node without a text.</summary>
    public static Node? Of(NodeKind kind, params ReadOnlySpan<Node?> children) => Of(kind, string.Empty, children);

    /// <summary>A node, or null when a child is missing or it would be nested too deep.</summary>
    public static Node? Of(NodeKind kind, string text, params ReadOnlySpan<Node?> children)
    {
        var depth = 0;
        var (isDecimal, plusMinus, unit) = (false, kind == NodeKind.PlusMinus, kind == NodeKind.Unit);
        var known = new Node[children.Length];
        for (var i = 0; i < children.Length; i++)
        {
            if (children[i] is not { } child)
                return null;
            known[i] = child;
            depth = Math.Max(depth, child.Depth);
            isDecimal |= child.HasDecimal;
            plusMinus |= child.HasPlusMinus;
            unit |= child.HasUnit;
        }

        return depth >= Budget.MaxDepth ? null
            : new(kind, text, known, default) { Depth = depth + 1, HasDecimal = isDecimal, HasPlusMinus = plusMinus, HasUnit = unit };
    }
}
