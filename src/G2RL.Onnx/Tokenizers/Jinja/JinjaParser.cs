using System.Globalization;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>Tokens to a template's parts. What is not implemented is refused here, by name, before anything is written.</summary>
/// <param name="source">The template, for messages.</param>
internal sealed class JinjaParser(string source)
{
    private static readonly string[] Keywords = ["and", "or", "not", "if", "else", "elif", "in", "is"];

    private readonly List<Token> _tokens = new JinjaLexer(source).Tokens();
    private int _at;
    private int _depth;
    private int _loops;

    private Token Here => _tokens[_at];

    /// <summary>The whole template.</summary>
    /// <exception cref="InputException">A mistake, or something that is not implemented.</exception>
    public List<Statement> Parse()
    {
        var body = Body();
        return Here.Kind == TokenKind.End ? body : throw Fault($"'{_tokens[_at + 1].Text}' ends nothing");
    }

    private List<Statement> Body(params string[] ends)
    {
        Deeper();
        var body = new List<Statement>();
        while (Here.Kind != TokenKind.End)
        {
            switch (Here.Kind)
            {
                case TokenKind.Text:
                    body.Add(new Literal(_tokens[_at++].Text));
                    break;
                case TokenKind.ValueBegin:
                    _at++;
                    body.Add(new Print(Tuple()));
                    Expect(TokenKind.ValueEnd, "}}");
                    break;
                case TokenKind.BlockBegin:
                    var name = _tokens[_at + 1].Text;
                    if (ends.Contains(name) || name.StartsWith("end", StringComparison.Ordinal) || name is "else" or "elif")
                    {
                        _depth--;
                        return ends.Contains(name) || ends.Length == 0 ? body : throw Fault($"'{name}' ends nothing; one of {string.Join(", ", ends)} must come first");
                    }

                    _at++;
                    Block(body);
                    break;
                default:
                    throw Unexpected();
            }
        }

        _depth--;
        return ends.Length == 0 ? body : throw Fault($"the template ends before {string.Join(" or ", ends)}");
    }

    private void Block(List<Statement> body)
    {
        var name = Identifier();
        switch (name)
        {
            case "if": body.Add(IfBlock()); break;
            case "for": body.Add(ForBlock()); break;
            case "set": body.Add(SetBlock()); break;
            case "macro": body.Add(MacroBlock()); break;
            case "break" or "continue":
                if (_loops == 0)
                    throw Fault($"'{name}' stands in no loop");
                EndTag();
                body.Add(new Jump(name == "break" ? Flow.Break : Flow.Continue));
                break;
            case "generation":
                // Marks the assistant's part for training masks and writes nothing.
                EndTag();
                body.AddRange(Body("endgeneration"));
                End();
                break;
            default:
                throw Fault($"the tag '{name}' is not implemented; if, for, set, macro, break, continue and generation are");
        }
    }

    private If IfBlock()
    {
        var branches = new List<(Expression, List<Statement>)>();
        var otherwise = new List<Statement>();
        var word = "elif";
        while (word == "elif")
        {
            var condition = Ternary();
            EndTag();
            branches.Add((condition, Body("elif", "else", "endif")));
            word = EndName();
        }

        if (word == "else")
        {
            EndTag();
            otherwise = Body("endif");
            EndName();
        }

        EndTag();
        return new If(branches, otherwise);
    }

    private For ForBlock()
    {
        var names = new List<string> { Identifier() };
        while (Take(","))
            names.Add(Identifier());
        if (!TakeWord("in"))
            throw Unexpected("in");
        var over = Or();
        var condition = TakeWord("if") ? Or() : null;
        if (Here.Text == "recursive")
            throw Fault("'recursive' loops are not implemented");
        EndTag();
        _loops++;
        var body = Body("else", "endfor");
        _loops--;
        var otherwise = new List<Statement>();
        if (EndName() == "else")
        {
            EndTag();
            otherwise = Body("endfor");
            EndName();
        }

        EndTag();
        return new For(names, over, condition, body, otherwise);
    }

    private Set SetBlock()
    {
        var targets = new List<(string, string?)>();
        do
            targets.Add((Identifier(), Take(".") ? Identifier() : null));
        while (Take(","));
        if (Take("="))
        {
            var value = Tuple();
            EndTag();
            return new Set(targets, value, null);
        }

        EndTag();
        var body = Apart("endset");
        End();
        return new Set(targets, null, body);
    }

    private Macro MacroBlock()
    {
        var name = Identifier();
        var parameters = new List<(string, Expression?)>();
        Need("(");
        while (!Take(")"))
        {
            if (parameters.Count > 0)
                Need(",");
            parameters.Add((Identifier(), Take("=") ? Ternary() : null));
        }

        EndTag();
        var body = Apart("endmacro");
        End();
        return new Macro(name, parameters, body);
    }

    // A body of its own: loops around it are none of its business.
    private List<Statement> Apart(string end)
    {
        var loops = _loops;
        _loops = 0;
        var body = Body(end);
        _loops = loops;
        return body;
    }

    private Expression Tuple()
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

    private Expression Ternary()
    {
        Deeper();
        var value = Or();
        while (TakeWord("if"))
        {
            var condition = Or();
            value = new Conditional(condition, value, TakeWord("else") ? Ternary() : null);
        }

        _depth--;
        return value;
    }

    private Expression Or()
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
        _depth--;
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
        if (Here is { Kind: TokenKind.Name, Text: "not" } && _tokens[_at + 1] is { Kind: TokenKind.Name, Text: "in" })
        {
            _at += 2;
            return "not in";
        }

        return Here.Kind == TokenKind.Operator && Here.Text is "==" or "!=" or "<" or "<=" or ">" or ">=" ? _tokens[_at++].Text : null;
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
            var op = _tokens[_at++].Text;
            left = new Binary(op, left, operand());
        }

        return left;
    }

    private Expression Unary(bool filtered)
    {
        Deeper();
        var sign = Here is { Kind: TokenKind.Operator, Text: "-" or "+" } ? _tokens[_at++].Text : null;
        var value = sign is null ? Postfix(Primary()) : new Binary(sign, new Constant(0L), Unary(filtered: false));
        if (filtered)
            value = Filters(value);
        _depth--;
        return value;
    }

    private Expression Primary()
    {
        var token = Here;
        switch (token.Kind)
        {
            case TokenKind.String:
                _at++;
                // Neighbours are one text, as in Python.
                var text = token.Text;
                while (Here.Kind == TokenKind.String)
                    text += _tokens[_at++].Text;
                return new Constant(text);
            case TokenKind.Number:
                _at++;
                if (long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var integer))
                    return new Constant(integer);
                return double.TryParse(token.Text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var number) ? new Constant(number) : throw Unexpected("a number");
            case TokenKind.Name when !Keywords.Contains(token.Text):
                _at++;
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

    private Expression Postfix(Expression value)
    {
        while (true)
        {
            if (Take("."))
                value = new Member(value, new Constant(Here.Kind == TokenKind.Number && long.TryParse(Here.Text, out var index) ? Skip(index) : Identifier()), dotted: true);
            else if (Take("["))
                value = Subscript(value);
            else if (Take("("))
                value = new Call(value, CallArguments());
            else
                return value;
        }

        object Skip(long index)
        {
            _at++;
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

    private Arguments CallArguments()
    {
        var arguments = new Arguments([], []);
        while (!Take(")"))
        {
            if (Here.Kind == TokenKind.Name && _tokens[_at + 1] is { Kind: TokenKind.Operator, Text: "=" })
            {
                var name = Identifier();
                _at++;
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

    private Expression Filters(Expression value)
    {
        while (true)
        {
            if (Take("|"))
            {
                var name = Identifier();
                if (!JinjaFilters.Knows(name))
                    throw Fault($"the filter '{name}' is not implemented; {JinjaFilters.Names} are");
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
        var name = _tokens[_at++].Text;
        if (!JinjaTests.Knows(name))
            throw Fault($"the test '{name}' is not implemented; {JinjaTests.Names} are");
        List<Expression> arguments = [];
        if (Take("("))
            arguments = CallArguments().Placed;
        else if (Here.Kind is TokenKind.String or TokenKind.Number || (Here.Kind == TokenKind.Name && !Keywords.Contains(Here.Text)) || Here is { Kind: TokenKind.Operator, Text: "[" or "{" })
            arguments = [Postfix(Primary())];
        return new Test(value, name, negated, arguments);
    }

    private string EndName()
    {
        Expect(TokenKind.BlockBegin, "{%");
        return Identifier();
    }

    private void End()
    {
        EndName();
        EndTag();
    }

    private void EndTag() => Expect(TokenKind.BlockEnd, "%}");

    private string Identifier() => Here.Kind == TokenKind.Name ? _tokens[_at++].Text : throw Unexpected("a name");

    private void Expect(TokenKind kind, string text)
    {
        if (Here.Kind != kind)
            throw Unexpected(text);
        _at++;
    }

    private void Need(string op)
    {
        if (!Take(op))
            throw Unexpected($"'{op}'");
    }

    private bool Take(string op) => TakeKind(TokenKind.Operator, op);

    private bool TakeWord(string word) => TakeKind(TokenKind.Name, word);

    private bool TakeKind(TokenKind kind, string text)
    {
        if (Here.Kind != kind || Here.Text != text)
            return false;
        _at++;
        return true;
    }

    private void Deeper()
    {
        if (++_depth > JinjaRun.DeepestNesting)
            throw Fault($"more than {JinjaRun.DeepestNesting} things are nested");
    }

    private InputException Unexpected(string? wanted = null) =>
        Fault($"'{(Here.Text.Length > 40 ? Here.Text[..40] : Here.Kind == TokenKind.End ? "the end" : Here.Text)}' stands where {wanted ?? "text or a tag"} should");

    private InputException Fault(string what) => JinjaLexer.Fault(source, Here.At, what);
}
