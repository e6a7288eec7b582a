namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Numbers, names, brackets, commands and matrices.</summary>
internal sealed partial class Parser
{
    private const string Modulus = "modulus";

    private Node? Primary()
    {
        if (!Enter())
            return null;
        var node = Next.Kind switch
        {
            TokenKind.Number => Number(),
            TokenKind.Symbol => Symbol(canCall: true),
            TokenKind.Text => Prose(),
            TokenKind.Command => Command(),
            TokenKind.Mark => Bracketed(),
            _ => null,
        };
        depth--;
        return node;
    }

    private Node? Number()
    {
        var token = Next;
        at++;
        if (Next.Is('_'))
        {
            // 203_7 is a numeral in base 7: its spelling is its value.
            at++;
            return Subscript() is { } numeralBase ? Node.Of(NodeKind.Symbol, $"{token.Text}_{numeralBase}") : null;
        }

        var number = Node.OfNumber(token.Value, token.IsDecimal, token.IsDigits ? token.Text.Count(char.IsAsciiDigit) : 0);
        if (!token.IsDigits)
            return number;
        if (Next.Is("frac"))
        {
            var (start, level) = (at, depth);
            if (Primary() is { Kind: NodeKind.Fraction } fraction
                && Array.TrueForAll(fraction.Children, c => c is { Kind: NodeKind.Number, HasDecimal: false }))
                return Node.Of(NodeKind.Mixed, number, fraction);
            (at, depth) = (start, level);
        }
        else if (Next is { IsDigits: true, SpaceBefore: true } && tokens[at + 1].Is('/') && tokens[at + 2].IsDigits)
        {
            var fraction = Node.Of(NodeKind.Fraction, Node.OfNumber(Next.Value, false), Node.OfNumber(tokens[at + 2].Value, false));
            at += 3;
            return Node.Of(NodeKind.Mixed, number, fraction);
        }

        return number;
    }

    private Node? Symbol(bool canCall)
    {
        var name = Next.Text;
        at++;
        if (name is "angle" or "triangle" && Next.Kind == TokenKind.Symbol)
        {
            while (Next.Kind == TokenKind.Symbol)
                name += tokens[at++].Text;
            return Node.Of(NodeKind.Symbol, name);
        }

        // What a remainder is taken of and by do not commute; alone it is a sign.
        if (name is "mod" or "bmod" && BeginsFactor())
            return Node.Of(NodeKind.Function, Modulus, Product());
        while (true)
        {
            if (Take('\''))
            {
                name += "'";
            }
            else if (Next.Is('_'))
            {
                at++;
                if (Subscript() is not { } subscript)
                    return null;
                name += "_" + subscript;
            }
            else
            {
                break;
            }
        }

        if (canCall && name[0] is 'f' or 'g' or 'h' && (name.Length == 1 || name[1] is '_' or '\''))
        {
            if (Next.Is('^') && tokens[at + 1].Is('{') && tokens[at + 2].Is('-') && tokens[at + 3].Text == "1" && tokens[at + 4].Is('}')
                && tokens[at + 5].Is('('))
            {
                name += "^-1";
                at += 5;
            }

            if (Next.Is('('))
                return Call(name);
        }

        return Node.Of(NodeKind.Symbol, name);
    }

    private Node? Call(string name)
    {
        at++;
        var arguments = Items(isTop: false);
        if (arguments is null || !Take(')'))
            return null;
        return arguments is { Kind: NodeKind.List, Text: [' ', ..] }
            ? Node.Of(NodeKind.Function, name, arguments.Children)
            : Node.Of(NodeKind.Function, name, arguments);
    }

    // The spelling of a subscript, for it names something and is not worked out. Brackets tell a_{n+1} from a_n + 1.
    private string? Subscript()
    {
        if (Next.Kind is TokenKind.Number or TokenKind.Symbol or TokenKind.Text)
            return tokens[at++].Text;
        if (!Take('{'))
            return null;
        var text = new System.Text.StringBuilder();
        for (var open = 1; Next.Kind != TokenKind.End; at++)
        {
            open += Next.Is('{') ? 1 : Next.Is('}') ? -1 : 0;
            if (open == 0)
            {
                at++;
                return IsPlain(text.ToString()) ? text.ToString() : $"{{{text}}}";
            }

            text.Append(Next.Text);
        }

        return null;
    }

    private static bool IsPlain(string subscript) => subscript.All(char.IsLetterOrDigit);

    // Words alone are a text; words before a value are one with it, so that "October 30" is not 30.
    private Node? Prose()
    {
        var words = new List<string>();
        while (Next.Kind is TokenKind.Text or TokenKind.Number or TokenKind.Symbol || Next.Is('.') || Next.Is('\''))
            words.Add(tokens[at++].Text);
        return Node.Of(NodeKind.Text, string.Join(' ', words).TrimEnd('.', ' '));
    }

    private Node? Command()
    {
        var name = Next.Text;
        at++;
        switch (name)
        {
            case "frac":
                return Node.Of(NodeKind.Fraction, Argument(), Argument());
            case "binom":
                // A bare word takes both as functions do: binom(5,2).
                var above = Argument();
                return above is { Kind: NodeKind.List, Text: "(,)", Children: [var n, var k] }
                    ? Node.Of(NodeKind.Function, "binomial", n, k)
                    : Node.Of(NodeKind.Function, "binomial", above, Argument());
            case "sqrt":
                return SquareRoot();
            case "overline" or "vec" or "hat":
                return Argument() is { } marked ? Node.Of(NodeKind.Function, name, marked) : null;
            case "over" or "choose" or "pmod":
                return null;
            default:
                return Function(name);
        }
    }

    private Node? SquareRoot()
    {
        Node? degree = null;
        if (Next.Is('['))
        {
            at++;
            degree = Items(isTop: false);
            if (degree is null || !Take(']'))
                return null;
        }

        var radicand = Argument(isDigit: degree is not null);
        return degree is null ? Node.Of(NodeKind.Root, radicand) : Node.Of(NodeKind.Root, radicand, degree);
    }

    /// <summary>An argument as TeX takes it: a group, or one token.</summary>
    /// <param name="isDigit">Whether it is one digit of a number, as TeX has it, or the number, as people mean it in 2^10 and
    /// \sqrt12.</param>
    private Node? Argument(bool isDigit = true)
    {
        if (!Enter())
            return null;
        Node? argument;
        if (isDigit && Next.Kind == TokenKind.Number && Next.Text.Length > 1 && !Next.Text.AsSpan().ContainsAnyExceptInRange('0', '9'))
        {
            argument = Node.OfNumber(Next.Text[0] - '0', false);
            var rest = Next.Text[1..];
            tokens[at] = Next with { Text = rest, Value = Numerals.Read(rest, 0)!.Value.Value };
        }
        else if (Next.Kind is TokenKind.Number)
        {
            argument = Node.OfNumber(Next.Value, Next.IsDecimal);
            at++;
        }
        else
        {
            argument = Next.Kind == TokenKind.Symbol ? Symbol(canCall: false) : Primary();
        }

        depth--;
        return argument;
    }

    private Node? Function(string name)
    {
        Node? exponent = null;
        Node? subscript = null;
        for (var i = 0; i < 2; i++)
        {
            if (exponent is null && Next.Is('^'))
            {
                at++;
                if ((exponent = Exponent()) is null)
                    return null;
            }
            else if (subscript is null && Next.Is('_'))
            {
                at++;
                if ((subscript = Argument()) is null)
                    return null;
            }
        }

        var argument = Next.Is('(') || Next.Is('[') || Next.Is('{') || Next.Is(Marks.OpenBar) ? Primary() : Implied();
        if (argument is null)
            return null;
        // sin^{-1} is the inverse function, sin^2 the square of the value.
        if (exponent is { Kind: NodeKind.Negative } && exponent.Children[0] is { Kind: NodeKind.Number } one && one.Value.IsOne
            && name is "sin" or "cos" or "tan")
            (name, exponent) = ("arc" + name, null);
        var call = argument is { Kind: NodeKind.List, Text: ['(', ..] }
            ? Node.Of(NodeKind.Function, name, argument.Children)
            : subscript is null ? Node.Of(NodeKind.Function, name, argument) : Node.Of(NodeKind.Function, name, argument, subscript);
        return exponent is null ? call : Node.Of(NodeKind.Power, call, exponent);
    }

    // sin 2x cos y is sin(2x) cos(y).
    private Node? Implied()
    {
        var (negative, both) = Signs();
        if (both != default)
            return null;
        var factors = new List<Node?> { Postfix() };
        while (factors[^1] is not null && BeginsFactor()
            && !(Next.Kind == TokenKind.Command && Vocabulary.Function.Values.Contains(Next.Text)) && !Next.Is('('))
            factors.Add(Postfix());
        return negative ? Node.Of(NodeKind.Negative, Of(factors)) : Of(factors);
    }

    private Node? Bracketed()
    {
        var open = Next.Text[0];
        switch (open)
        {
            case '(' or '[' or '{' or Marks.OpenSet:
                at++;
                return List(open);
            case '|' or Marks.OpenBar:
                at++;
                bars += open == '|' ? 1 : 0;
                var inside = Sum();
                bars -= open == '|' ? 1 : 0;
                return Take(open == '|' ? '|' : Marks.CloseBar) || Take('|') ? Node.Of(NodeKind.Function, "abs", inside) : null;
            case '⌊' or '⌈':
                at++;
                var rounded = Sum();
                return Take(open == '⌊' ? '⌋' : '⌉') ? Node.Of(NodeKind.Function, open == '⌊' ? "floor" : "ceil", rounded) : null;
            case Marks.OpenMatrix:
                at++;
                return Matrix();
            case Marks.Money:
                at++;
                var (negative, both) = Signs();
                var amount = both == default ? Node.Of(NodeKind.Unit, "dollars", Postfix()) : null;
                return negative ? Node.Of(NodeKind.Negative, amount) : amount;
            default:
                return null;
        }
    }

    private Node? List(char open)
    {
        if (open == Marks.OpenSet && Take(Marks.CloseSet))
            return Node.Of(NodeKind.Symbol, "emptyset");
        var outer = bars;
        bars = 0;
        var hasCondition = open == Marks.OpenSet && TakeSuchThat();
        var items = Items(isTop: false);
        bars = outer;
        if (items is null)
            return null;
        // {x : condition} is what the condition says.
        if (hasCondition)
            return IsCondition(items) && Take(Marks.CloseSet) ? items : null;
        var close = Next.Kind == TokenKind.Mark ? Next.Text[0] : '\0';
        var matches = open switch { '{' => close == '}', Marks.OpenSet => close == Marks.CloseSet, _ => close is ')' or ']' };
        if (!matches)
            return null;
        at++;
        var isList = items is { Kind: NodeKind.List, Text: [' ', ..] };
        if (open == '{' || (!isList && open != Marks.OpenSet))
            return items;
        return isList
            ? Node.Of(NodeKind.List, Brackets(open, items.Text[1], close), items.Children)
            : Node.Of(NodeKind.List, Brackets(open, ',', close), items);
    }

    // "x :", "x |" and the like, also of a real x. What runs over anything else, or is no bare name, is no interval.
    private bool TakeSuchThat()
    {
        if (Next.Kind != TokenKind.Symbol)
            return false;
        var next = tokens[at + 1].Is('∈') && tokens[at + 2] is { Kind: TokenKind.Symbol, Text: "reals" or "R" } ? at + 3 : at + 1;
        if (!tokens[next].Is(Marks.Such) && !tokens[next].Is('|') && !tokens[next].Is(':'))
            return false;
        at = next + 1;
        return true;
    }

    private static bool IsCondition(Node node) =>
        node.Kind == NodeKind.Relation || (node.Kind == NodeKind.List && Array.TrueForAll(node.Children, IsCondition));

    private Node? Matrix()
    {
        var rows = new List<Node?>();
        var row = new List<Node?>();
        while (true)
        {
            if (Take(Marks.CloseMatrix))
            {
                if (row.Count > 0)
                    rows.Add(Node.Of(NodeKind.Row, [.. row]));
                return rows.Count > 0 ? Node.Of(NodeKind.Matrix, [.. rows]) : null;
            }

            if (Take(Marks.NewRow))
            {
                if (row.Count > 0)
                    rows.Add(Node.Of(NodeKind.Row, [.. row]));
                row = [];
            }
            else if (!Take('&'))
            {
                if (Relation() is not { } cell)
                    return null;
                row.Add(cell);
            }
        }
    }
}
