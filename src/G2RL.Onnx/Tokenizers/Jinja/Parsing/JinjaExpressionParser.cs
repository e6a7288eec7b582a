namespace G2RL.Onnx.Tokenizers.Jinja.Parsing;

/// <summary>The operators, loosest first: what binds them is the order of the methods.</summary>
/// <param name="source">The template.</param>
internal abstract class JinjaExpressionParser(string source) : JinjaOperandParser(source)
{
    /// <summary>A value, or several with commas between them.</summary>
    protected Expression Tuple()
    {
        var first = Ternary();
        if (Here.Text != "," || Here.Kind != TokenKind.Operator)
            return first;
        var items = new List<Expression> { first };
        while (Take(","))
            if (Here.Kind is not (TokenKind.BlockEnd or TokenKind.ValueEnd))
                items.Add(Ternary());
        return new TupleOf(items);
    }

    /// <inheritdoc/>
    protected override Expression Ternary()
    {
        Deeper();
        var value = Or();
        while (TakeWord("if"))
        {
            var condition = Or();
            value = new Conditional(condition, value, TakeWord("else") ? Ternary() : null);
        }

        Shallower();
        return value;
    }

    /// <summary>A value without a condition behind it.</summary>
    protected Expression Or()
    {
        var left = And();
        while (TakeWord("or"))
            left = new Logical(false, left, And());
        return left;
    }

    private Expression And()
    {
        var left = Negation();
        while (TakeWord("and"))
            left = new Logical(true, left, Negation());
        return left;
    }

    private Expression Negation()
    {
        if (!TakeWord("not"))
            return Compare();
        Deeper();
        var inner = Negation();
        Shallower();
        return new Not(inner);
    }

    private Expression Compare()
    {
        var first = Sum();
        var rest = new List<(string, Expression)>();
        while (Comparator() is { } op)
            rest.Add((op, Sum()));
        return rest.Count == 0 ? first : new Comparison(first, rest);
    }

    private string? Comparator()
    {
        if (TakeWord("in"))
            return "in";
        if (Here is { Kind: TokenKind.Name, Text: "not" } && Ahead is { Kind: TokenKind.Name, Text: "in" })
        {
            Next();
            Next();
            return "not in";
        }

        return Here.Kind == TokenKind.Operator && Here.Text is "==" or "!=" or "<" or "<=" or ">" or ">=" ? Next() : null;
    }

    private Expression Sum() => Chain(Joined, "+", "-");

    private Expression Joined() => Chain(Product, "~");

    private Expression Product() => Chain(Power, "*", "/", "//", "%");

    private Expression Power() => Chain(() => Unary(filtered: true), "**");

    private Expression Chain(Func<Expression> operand, params string[] operators)
    {
        var left = operand();
        while (Here.Kind == TokenKind.Operator && operators.Contains(Here.Text))
        {
            var op = Next();
            left = new Binary(op, left, operand());
        }

        return left;
    }

    private Expression Unary(bool filtered)
    {
        Deeper();
        var sign = Here is { Kind: TokenKind.Operator, Text: "-" or "+" } ? Next() : null;
        var value = sign is null ? Postfix(Primary()) : new Binary(sign, new Constant(0L), Unary(filtered: false));
        if (filtered)
            value = Filters(value);
        Shallower();
        return value;
    }
}
