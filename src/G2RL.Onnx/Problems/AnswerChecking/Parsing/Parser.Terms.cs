namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Sums, products, powers and what stands behind a value.</summary>
internal sealed partial class Parser
{
    private Node? Sum()
    {
        if (!Enter())
            return null;
        var terms = new List<Node?>();
        do
        {
            var (negative, both) = Signs();
            isFirstTerm = terms.Count == 0;
            var term = Product();
            if (term is null)
                return null;
            if (both != default)
                term = Node.Of(NodeKind.PlusMinus, both.ToString(), term);
            terms.Add(negative ? Node.Of(NodeKind.Negative, term) : term);
        }
        while (Next.Kind == TokenKind.Mark && Next.Text[0] is '+' or '-' or '±' or '∓');
        depth--;
        return terms.Count == 1 ? terms[0] : Node.Of(NodeKind.Sum, [.. terms]);
    }

    private (bool Negative, char Both) Signs()
    {
        var negative = false;
        char both = default;
        for (; Next.Kind == TokenKind.Mark; at++)
        {
            switch (Next.Text[0])
            {
                case '+':
                    break;
                case '-':
                    negative = !negative;
                    break;
                case '±' or '∓' when both == default:
                    both = Next.Text[0];
                    break;
                default:
                    return (negative, both);
            }
        }

        return (negative, both);
    }

    private Node? Product()
    {
        var factors = new List<Node?>();
        var mayHaveUnit = letterUnits && isFirstTerm;
        if (Postfix() is not { } first)
            return null;
        factors.Add(first);
        while (true)
        {
            if (Next.Is('*') || Next.Is('/'))
            {
                var divides = Next.Is('/');
                at++;
                var (negative, both) = Signs();
                var factor = both == default ? Postfix() : null;
                if (negative)
                    factor = Node.Of(NodeKind.Negative, factor);
                if (factor is null)
                    return null;
                factors.Add(divides ? Node.Of(NodeKind.Inverse, factor) : factor);
            }
            else if (Next.Kind == TokenKind.Text && factors[^1] is { Kind: not NodeKind.Text })
            {
                var unit = Unit();
                return IsUnit(unit) ? Node.Of(NodeKind.Unit, unit, Of(factors)) : null;
            }
            else if (mayHaveUnit && Next is { IsUpright: true, SpaceBefore: true } && factors.TrueForAll(IsConstant)
                && LettersOfUnit() is { } letters)
            {
                return Node.Of(NodeKind.Unit, letters, Of(factors));
            }
            else if (Next.Is("over") || Next.Is("choose"))
            {
                // {a \over b} and {n \choose k} split their group.
                var isOver = Next.Is("over");
                at++;
                return isOver ? Node.Of(NodeKind.Fraction, Of(factors), Product())
                    : Node.Of(NodeKind.Function, "binomial", Of(factors), Product());
            }
            else if (Next.Is("pmod"))
            {
                at++;
                factors = [Node.Of(NodeKind.Unit, Units.Modulo + ModulusSpelled(), Of(factors))];
            }
            else if (BeginsFactor())
            {
                if (Postfix() is not { } factor)
                    return null;
                if (factor is { Kind: NodeKind.Function, Text: Modulus })
                    return Node.Of(NodeKind.Function, "mod", Of(factors), factor.Children[0]);
                factors.Add(factor);
            }
            else
            {
                return Of(factors);
            }
        }
    }

    // As it is written: two moduli are the same where their spellings are.
    private string ModulusSpelled()
    {
        var start = at;
        Argument(isDigit: false);
        return string.Concat(tokens[start..at].Where(t => !t.Is('{') && !t.Is('}')).Select(t => t.Text));
    }

    private static Node? Of(List<Node?> factors) => factors.Count == 1 ? factors[0] : Node.Of(NodeKind.Product, [.. factors]);

    private bool BeginsFactor() => Next.Kind switch
    {
        TokenKind.Symbol => true,
        TokenKind.Command => Next.Text is not ("over" or "choose" or "pmod"),
        // Two numbers side by side are no product.
        TokenKind.Number => tokens[at - 1].Kind != TokenKind.Number,
        TokenKind.Mark => Next.Text[0] switch
        {
            '(' or '[' or '{' or '⌊' or '⌈' or Marks.OpenBar or Marks.OpenMatrix or Marks.Money => true,
            '|' => bars == 0,
            _ => false,
        },
        _ => false,
    };

    private static bool IsUnit(string unit)
    {
        var words = unit.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return !Array.Exists(words, Vocabulary.NoUnit.Contains) && (words.Length == 0 || !Vocabulary.NoFirst.Contains(words[0]));
    }

    // Whether no variable is in it, for behind one an upright letter may be another.
    private static bool IsConstant(Node? node) => node is not null
        && (node.Kind != NodeKind.Symbol || node.Text is "pi" or "e")
        && Array.TrueForAll(node.Children, IsConstant);

    // The upright unit that ends an answer or an item of a list; null, and nothing taken, where anything else stands there.
    private string? LettersOfUnit()
    {
        var start = at;
        if (IsUnitWord(Next) && Unit() is var unit && EndsItem())
            return unit;
        at = start;
        return null;
    }

    private bool IsUnitWord(Token token) =>
        token.Kind == TokenKind.Text || (letterUnits && token.IsUpright && Units.IsLetter(token.Text));

    private bool EndsItem()
    {
        var end = at;
        while (tokens[end].Kind == TokenKind.Mark && tokens[end].Text[0] is ')' or ']' or Marks.CloseSet or '.')
            end++;
        return tokens[end].Kind == TokenKind.End || (end == at && IsSeparator(Next));
    }

    private string Unit()
    {
        var words = new List<string>();
        while (true)
        {
            if (IsUnitWord(Next))
            {
                words.Add(Next.Text);
                at++;
            }
            else if (Next.Is('^') && PowerOfUnit() is { } power)
            {
                words[^1] += "^" + power;
            }
            else if ((Next.Is('/') || Next.Is('*')) && IsUnitWord(tokens[at + 1]))
            {
                words.Add(Next.Text);
                at++;
            }
            else if (Next.Is('.') && tokens[at + 1].Kind is TokenKind.Text or TokenKind.End)
            {
                at++;
            }
            else
            {
                return string.Join(' ', words);
            }
        }
    }

    private string? PowerOfUnit()
    {
        var start = at++;
        var braced = Take('{');
        var sign = Take('-') ? "-" : "";
        var text = Next.Text;
        if (Next.IsDigits)
        {
            at++;
            if (!braced || Take('}'))
                return sign + text;
        }

        at = start;
        return null;
    }

    private Node? Postfix()
    {
        var node = Primary();
        while (node is not null && Next.Kind == TokenKind.Mark)
        {
            switch (Next.Text[0])
            {
                case '^':
                    at++;
                    node = Raised(node);
                    break;
                case '!':
                    at++;
                    node = Node.Of(NodeKind.Function, "factorial", node);
                    break;
                case '%':
                    at++;
                    node = Node.Of(NodeKind.Percent, node);
                    break;
                case Marks.Degree:
                    at++;
                    node = Node.Of(NodeKind.Degree, node);
                    break;
                case Marks.Money:
                    at++;
                    node = Node.Of(NodeKind.Unit, "dollars", node);
                    break;
                default:
                    return node;
            }
        }

        return node;
    }

    private Node? Raised(Node node)
    {
        if (Take(Marks.Degree))
            return Node.Of(NodeKind.Degree, node);
        if (Next.Is('{') && (tokens[at + 1].Is(Marks.Degree) || IsSmallO(at + 1)) && tokens[at + 2].Is('}'))
        {
            at += 3;
            return Node.Of(NodeKind.Degree, node);
        }

        // 60^o
        if (IsSmallO(at) && node.Kind == NodeKind.Number)
        {
            at++;
            return Node.Of(NodeKind.Degree, node);
        }

        var exponent = Exponent();
        // x^2_1 is x_1^2.
        var raised = node.Kind == NodeKind.Symbol && Take('_') ? Subscripted(node) : node;
        return Node.Of(NodeKind.Power, raised, exponent);
    }

    private Node? Subscripted(Node symbol) =>
        Subscript() is { } subscript ? Node.Of(NodeKind.Symbol, $"{symbol.Text}_{subscript}") : null;

    private bool IsSmallO(int index) => tokens[index] is { Kind: TokenKind.Symbol, Text: "o" };

    private Node? Exponent()
    {
        var (negative, both) = Signs();
        if (both != default || !Enter())
            return null;
        var exponent = Next.Kind == TokenKind.Number ? Argument(isDigit: false) : Primary();
        depth--;
        // 2^{3^x} nests to the right.
        if (Next.Is('^') && exponent is not null)
        {
            at++;
            exponent = Node.Of(NodeKind.Power, exponent, Exponent());
        }

        return negative ? Node.Of(NodeKind.Negative, exponent) : exponent;
    }
}
