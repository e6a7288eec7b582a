namespace G2RL.Onnx.Tokenizers.Jinja.Parsing;

/// <summary>
/// A template's statements, above the grammar of values. What is not implemented is refused here, by name, before anything is written.
/// </summary>
/// <param name="source">The template.</param>
internal sealed class JinjaParser(string source) : JinjaExpressionParser(source)
{
    private int loops;

    /// <summary>The whole template.</summary>
    /// <exception cref="InputException">A mistake, or something that is not implemented.</exception>
    public List<Statement> Parse()
    {
        var body = Body();
        return Here.Kind == TokenKind.End ? body : throw Fault($"'{Ahead.Text}' ends nothing");
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
                    body.Add(new Literal(Next()));
                    break;
                case TokenKind.ValueBegin:
                    Next();
                    body.Add(new Print(Tuple()));
                    Expect(TokenKind.ValueEnd, "}}");
                    break;
                case TokenKind.BlockBegin:
                    var name = Ahead.Text;
                    if (ends.Contains(name) || name.StartsWith("end", StringComparison.Ordinal) || name is "else" or "elif")
                    {
                        Shallower();
                        return ends.Contains(name) || ends.Length == 0
                            ? body
                            : throw Fault($"'{name}' ends nothing; one of {string.Join(", ", ends)} must come first");
                    }

                    Next();
                    Block(body);
                    break;
                default:
                    throw Unexpected();
            }
        }

        Shallower();
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
                if (loops == 0)
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
            case "filter": body.Add(FilterBlock()); break;
            case "call": body.Add(CallBlock()); break;
            case "with": body.Add(WithBlock()); break;
            default:
                throw Fault($"the tag '{name}' is not implemented; if, for, set, macro, call, filter, with, raw, break, continue and "
                    + "generation are");
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
        loops++;
        var body = Body("else", "endfor");
        loops--;
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
        Need("(");
        return new Macro(name, Parameters(), Rest("endmacro"));
    }

    private FilterBlock FilterBlock()
    {
        var filters = new List<(string, Arguments)>();
        do
            filters.Add((Identifier(), Take("(") ? CallArguments() : Arguments.None));
        while (Take("|"));
        return new FilterBlock(filters, Rest("endfilter"));
    }

    private CallBlock CallBlock()
    {
        List<(string, Expression?)> parameters = Take("(") ? Parameters() : [];
        var call = Postfix(Primary()) as Call ?? throw Fault("'call' wants a call, such as f(x)");
        return new CallBlock(call, new Macro("caller", parameters, Rest("endcall")));
    }

    private With WithBlock()
    {
        var values = new List<(string, Expression)>();
        while (Here.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0)
                Need(",");
            var name = Identifier();
            Need("=");
            values.Add((name, Ternary()));
        }

        EndTag();
        var body = Body("endwith");
        End();
        return new With(values, body);
    }

    // Parameters behind an opening bracket, perhaps with their defaults.
    private List<(string Name, Expression? Default)> Parameters()
    {
        var parameters = new List<(string, Expression?)>();
        while (!Take(")"))
        {
            if (parameters.Count > 0)
                Need(",");
            parameters.Add((Identifier(), Take("=") ? Ternary() : null));
        }

        return parameters;
    }

    // The end of the tag at hand, a body of its own, and the tag that ends it.
    private List<Statement> Rest(string end)
    {
        EndTag();
        var body = Apart(end);
        End();
        return body;
    }

    // A body of its own: loops around it are none of its business.
    private List<Statement> Apart(string end)
    {
        var around = loops;
        loops = 0;
        var body = Body(end);
        loops = around;
        return body;
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
}
