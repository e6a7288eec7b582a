using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja.Parsing;

/// <summary>What stands between operators: literals, names, what is reached or called from them, filters and tests.</summary>
/// <param name="source">The template.</param>
internal abstract class JinjaOperandParser(string source) : JinjaTokens(source)
{
    private static readonly string[] Keywords = ["and", "or", "not", "if", "else", "elif", "in", "is"];

    /// <summary>A whole value.</summary>
    protected abstract Expression Ternary();

    /// <summary>A literal, a name, or a value in brackets.</summary>
    protected Expression Primary()
    {
        var token = Here;
        switch (token.Kind)
        {
            case TokenKind.String:
                Next();
                // Neighbours are one text, as in Python.
                if (Here.Kind != TokenKind.String)
                    return new Constant(token.Text);
                var text = new StringBuilder(token.Text);
                while (Here.Kind == TokenKind.String)
                    text.Append(Next());
                return new Constant(text.ToString());
            case TokenKind.Number:
                Next();
                if (long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var integer))
                    return new Constant(integer);
                return double.TryParse(
                    token.Text,
                    NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                    CultureInfo.InvariantCulture,
                    out var number) ? new Constant(number) : throw Unexpected("a number");
            case TokenKind.Name when !Keywords.Contains(token.Text):
                Next();
                return token.Text switch
                {
                    "true" or "True" => new Constant(true),
                    "false" or "False" => new Constant(false),
                    "none" or "None" => new Constant(null),
                    var name => new Name(name),
                };
            case TokenKind.Operator when Take("("):
                if (Take(")"))
                    return new TupleOf([]);
                var inner = Ternary();
                if (Here.Text != ",")
                {
                    Need(")");
                    return inner;
                }

                Need(",");
                return new TupleOf([inner, .. Items(")")]);
            case TokenKind.Operator when Take("["):
                return new ListOf(Items("]"));
            case TokenKind.Operator when Take("{"):
                return MappingLiteral();
            default:
                throw Unexpected("a value");
        }
    }

    private List<Expression> Items(string close)
    {
        var items = new List<Expression>();
        while (!Take(close))
        {
            items.Add(Ternary());
            if (Here.Text != close)
                Need(",");
        }

        return items;
    }

    private MappingOf MappingLiteral()
    {
        var entries = new List<(Expression, Expression)>();
        while (!Take("}"))
        {
            var key = Ternary();
            Need(":");
            entries.Add((key, Ternary()));
            if (Here.Text != "}")
                Need(",");
        }

        return new MappingOf(entries);
    }

    /// <summary>Members, entries and calls behind a value.</summary>
    protected Expression Postfix(Expression value)
    {
        while (true)
        {
            if (Take("."))
                value = new Member(
                    value,
                    new Constant(Here.Kind == TokenKind.Number && long.TryParse(Here.Text, out var index) ? Skip(index) : Identifier()),
                    dotted: true);
            else if (Take("["))
                value = Subscript(value);
            else if (Take("("))
                value = new Call(value, CallArguments());
            else
                return value;
        }

        object Skip(long index)
        {
            Next();
            return index;
        }
    }

    private Expression Subscript(Expression of)
    {
        var start = Here.Text == ":" ? null : Ternary();
        if (Take("]"))
            return new Member(of, start ?? throw Unexpected("a value"), dotted: false);
        Need(":");
        var stop = Here.Text is ":" or "]" ? null : Ternary();
        var step = Take(":") && Here.Text != "]" ? Ternary() : null;
        Need("]");
        return new Slice(of, start, stop, step);
    }

    /// <summary>The arguments of a call, behind its opening bracket.</summary>
    protected Arguments CallArguments()
    {
        var arguments = new Arguments([], []);
        while (!Take(")"))
        {
            if (Here.Kind == TokenKind.Name && Ahead is { Kind: TokenKind.Operator, Text: "=" })
            {
                var name = Identifier();
                Next();
                if (arguments.Named.Exists(n => n.Name == name))
                    throw Fault($"the argument '{name}' is given twice");
                arguments.Named.Add((name, Ternary()));
            }
            else if (arguments.Named.Count > 0)
            {
                throw Unexpected("a named argument");
            }
            else
            {
                arguments.Placed.Add(Ternary());
            }

            if (Here.Text != ")")
                Need(",");
        }

        return arguments;
    }

    /// <summary>Filters and tests behind a value.</summary>
    protected Expression Filters(Expression value)
    {
        while (true)
        {
            if (Take("|"))
            {
                var name = Identifier();
                value = new Filter(value, name, Take("(") ? CallArguments() : Arguments.None);
            }
            else if (TakeWord("is"))
            {
                value = TestOf(value);
            }
            else if (Take("("))
            {
                value = new Call(value, CallArguments());
            }
            else
            {
                return value;
            }
        }
    }

    private Test TestOf(Expression value)
    {
        var negated = TakeWord("not");
        var name = Next();
        List<Expression> arguments = [];
        if (Take("("))
            arguments = CallArguments().Placed;
        else if (Here.Kind is TokenKind.String or TokenKind.Number
            || (Here.Kind == TokenKind.Name && !Keywords.Contains(Here.Text))
            || Here is { Kind: TokenKind.Operator, Text: "[" or "{" })
            arguments = [Postfix(Primary())];
        return new Test(value, name, negated, arguments);
    }
}
