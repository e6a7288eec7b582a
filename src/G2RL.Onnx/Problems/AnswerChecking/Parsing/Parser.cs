namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>
/// Reads the tokens of an answer by recursive descent: lists of relations of set expressions of sums of products. Each token is looked at
/// a bounded
/// number of times and nesting is bounded, so its work is linear. A method returns null when what it expects is not there.
/// </summary>
internal sealed partial class Parser
{
    private readonly List<Token> tokens;
    private readonly Budget budget;
    private readonly bool letterUnits;
    private int at;
    private int depth;
    private int bars;
    private bool isFirstTerm;

    private Parser(List<Token> tokens, Budget budget, bool letterUnits) =>
        (this.tokens, this.budget, this.letterUnits) = (tokens, budget, letterUnits);

    private Token Next => tokens[at];

    /// <summary>The whole answer as one node; null when it does not follow the grammar.</summary>
    public static Node? Parse(List<Token> tokens, Budget budget, bool letterUnits)
    {
        var parser = new Parser(tokens, budget, letterUnits);
        var node = parser.Items(isTop: true);
        return parser.Next.Kind == TokenKind.End ? node : null;
    }

    private static string Brackets(char open, char separator, char close) => new([open, separator, close]);

    private bool Take(char mark)
    {
        if (!Next.Is(mark))
            return false;
        at++;
        return true;
    }

    private bool Enter() => ++depth < 3 * Budget.MaxDepth && budget.Spend(1);

    // One item as itself; several as a bare list. Commas are weak separators; semicolons, "and", "or" and new rows are strong ones.
    private Node? Items(bool isTop)
    {
        if (!Enter())
            return null;
        var groups = new List<List<Node>> { new() };
        var separator = ',';
        SkipSeparators();
        while (Next.Kind != TokenKind.End && !IsClosing(Next))
        {
            if (Relation() is not { } item)
                return null;
            groups[^1].Add(item);
            var isStrong = false;
            var found = false;
            for (; IsSeparator(Next); at++)
            {
                found = true;
                if (Next.Is(','))
                    continue;
                isStrong = true;
                if (!Next.Is(Marks.NewRow) && !Next.Is(';'))
                    separator = Next.Text[0];
            }

            if (!found)
            {
                SkipStops();
                break;
            }

            SkipStops();
            if (isStrong)
                groups.Add([]);
        }

        depth--;
        groups.RemoveAll(g => g.Count == 0);
        if (groups.Count == 0)
            return null;
        if (groups.Count == 1 && groups[0].Count == 1)
            return groups[0][0];
        // "p=5,q=2; p=7,q=2" is two pairs; "21, 16 or 11" is one list.
        if (isTop && groups.Count > 1 && groups.TrueForAll(g => g.Count > 1 && g.TrueForAll(n => n.Kind == NodeKind.Relation)))
            return Node.Of(NodeKind.List, Brackets(' ', separator, ' '),
                [.. groups.Select(g => Node.Of(NodeKind.List, Brackets(' ', ',', ' '), [.. g]))]);
        return Node.Of(NodeKind.List, Brackets(' ', separator, ' '), [.. groups.SelectMany(g => g)]);
    }

    // Full stops at the end of a sentence or group.
    private void SkipStops()
    {
        var (end, stops) = (at, 0);
        for (; tokens[end].Is('.') || tokens[end].Is(Marks.NewRow); end++)
            stops += tokens[end].Is('.') ? 1 : 0;
        // Three of them say that something goes on.
        if (stops > 1)
            return;
        if (tokens[end].Kind == TokenKind.End || IsClosing(tokens[end]))
            at = end;
    }

    private void SkipSeparators()
    {
        while (IsSeparator(Next) || Next.Is('→') || Next.Is('≈') || Next.Is('='))
            at++;
    }

    private static bool IsSeparator(Token token) => token.Kind == TokenKind.Mark
        && token.Text[0] is ',' or ';' or Marks.And or Marks.Or or Marks.NewRow;

    private static bool IsClosing(Token token) =>
        token.Kind == TokenKind.Mark && token.Text[0] is ')' or ']' or '}' or Marks.CloseSet;

    private Node? Relation()
    {
        if (SetExpression() is not { } first)
            return null;
        if (!IsRelation(Next))
            return first;
        var operands = new List<Node> { first };
        var operators = new List<char>();
        while (IsRelation(Next))
        {
            operators.Add(Next.Text[0]);
            at++;
            // "\le" and "=" of "<=" may stand apart.
            if (Next.Is('=') && operators[^1] is '<' or '>')
            {
                operators[^1] = operators[^1] == '<' ? '≤' : '≥';
                at++;
            }

            if (SetExpression() is not { } next)
                return null;
            operands.Add(next);
        }

        return Node.Of(NodeKind.Relation, new([.. operators]), [.. operands]);
    }

    private static bool IsRelation(Token token) => token.Kind == TokenKind.Mark && Marks.Relations.Contains(token.Text[0]);

    private Node? SetExpression()
    {
        var left = Ratio();
        while (left is not null && Next.Kind == TokenKind.Mark)
        {
            var kind = Next.Text[0] switch
            {
                '∪' => NodeKind.Union,
                '∩' => NodeKind.Intersection,
                '∖' => NodeKind.Difference,
                _ =>
                NodeKind.Number
            };
            if (kind == NodeKind.Number)
                break;
            // Unions of many parts are one node, so that depth does not grow with length.
            var parts = new List<Node?> { left };
            var mark = Next.Text[0];
            while (Take(mark))
                parts.Add(Ratio());
            left = Node.Of(kind, [.. parts]);
        }

        return left;
    }

    private Node? Ratio()
    {
        var first = Sum();
        if (first is null || !Next.Is(':'))
            return first;
        var parts = new List<Node?> { first };
        while (Take(':'))
            parts.Add(Sum());
        return Node.Of(NodeKind.Ratio, [.. parts]);
    }
}
