using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using static Microsoft.CodeAnalysis.CSharp.SyntaxFactory;

namespace G2RL.Onnx.Mutation.Mutants;

/// <summary>
/// The faults that are planted: those of other mutation tools' standard sets (arithmetic, comparisons, logic, removed statements, swapped
/// methods, texts). The words of an error are left alone; that it is thrown is not.
/// </summary>
internal static class MutationOperators
{
    private static readonly Dictionary<SyntaxKind, SyntaxKind[]> Binary = new()
    {
        [SyntaxKind.AddExpression] = [SyntaxKind.SubtractExpression],
        [SyntaxKind.SubtractExpression] = [SyntaxKind.AddExpression],
        [SyntaxKind.MultiplyExpression] = [SyntaxKind.DivideExpression],
        [SyntaxKind.DivideExpression] = [SyntaxKind.MultiplyExpression],
        [SyntaxKind.ModuloExpression] = [SyntaxKind.MultiplyExpression],
        [SyntaxKind.LessThanExpression] = [SyntaxKind.LessThanOrEqualExpression, SyntaxKind.GreaterThanExpression],
        [SyntaxKind.LessThanOrEqualExpression] = [SyntaxKind.LessThanExpression, SyntaxKind.GreaterThanExpression],
        [SyntaxKind.GreaterThanExpression] = [SyntaxKind.GreaterThanOrEqualExpression, SyntaxKind.LessThanExpression],
        [SyntaxKind.GreaterThanOrEqualExpression] = [SyntaxKind.GreaterThanExpression, SyntaxKind.LessThanExpression],
        [SyntaxKind.EqualsExpression] = [SyntaxKind.NotEqualsExpression],
        [SyntaxKind.NotEqualsExpression] = [SyntaxKind.EqualsExpression],
        [SyntaxKind.LogicalAndExpression] = [SyntaxKind.LogicalOrExpression],
        [SyntaxKind.LogicalOrExpression] = [SyntaxKind.LogicalAndExpression],
        [SyntaxKind.BitwiseAndExpression] = [SyntaxKind.BitwiseOrExpression],
        [SyntaxKind.BitwiseOrExpression] = [SyntaxKind.BitwiseAndExpression],
        [SyntaxKind.ExclusiveOrExpression] = [SyntaxKind.BitwiseAndExpression],
        [SyntaxKind.LeftShiftExpression] = [SyntaxKind.RightShiftExpression],
        [SyntaxKind.RightShiftExpression] = [SyntaxKind.LeftShiftExpression],
        [SyntaxKind.UnsignedRightShiftExpression] = [SyntaxKind.LeftShiftExpression],
    };

    private static readonly Dictionary<SyntaxKind, SyntaxKind> Assignments = new()
    {
        [SyntaxKind.AddAssignmentExpression] = SyntaxKind.SubtractAssignmentExpression,
        [SyntaxKind.SubtractAssignmentExpression] = SyntaxKind.AddAssignmentExpression,
        [SyntaxKind.MultiplyAssignmentExpression] = SyntaxKind.DivideAssignmentExpression,
        [SyntaxKind.DivideAssignmentExpression] = SyntaxKind.MultiplyAssignmentExpression,
        [SyntaxKind.AndAssignmentExpression] = SyntaxKind.OrAssignmentExpression,
        [SyntaxKind.OrAssignmentExpression] = SyntaxKind.AndAssignmentExpression,
        [SyntaxKind.CoalesceAssignmentExpression] = SyntaxKind.SimpleAssignmentExpression,
    };

    private static readonly Dictionary<SyntaxKind, SyntaxKind> Patterns = new()
    {
        [SyntaxKind.LessThanToken] = SyntaxKind.LessThanEqualsToken,
        [SyntaxKind.LessThanEqualsToken] = SyntaxKind.LessThanToken,
        [SyntaxKind.GreaterThanToken] = SyntaxKind.GreaterThanEqualsToken,
        [SyntaxKind.GreaterThanEqualsToken] = SyntaxKind.GreaterThanToken,
    };

    private static readonly Dictionary<string, string> Methods = Pairs(
        ("First", "Last"), ("FirstOrDefault", "LastOrDefault"), ("Any", "All"), ("Min", "Max"), ("MinBy", "MaxBy"), ("Take", "Skip"),
        ("TakeLast", "SkipLast"), ("TakeWhile", "SkipWhile"), ("OrderBy", "OrderByDescending"), ("Order", "OrderDescending"),
        ("ThenBy", "ThenByDescending"), ("Union", "Intersect"), ("Append", "Prepend"), ("StartsWith", "EndsWith"), ("Floor", "Ceiling"),
        ("IndexOf", "LastIndexOf"), ("TrimStart", "TrimEnd"));

    // Called on something, they give it changed; without them it stays as it is.
    private static readonly HashSet<string> Removable =
        ["Where", "Distinct", "Reverse", "Concat", "Except", "Trim", "Abs", "ToLowerInvariant", "ToUpperInvariant", "DefaultIfEmpty"];

    /// <summary>What could be planted at a node, itself and not below it.</summary>
    /// <returns>Kind, the node to be replaced, and its replacement (null: removed).</returns>
    public static IEnumerable<(string Kind, SyntaxNode Original, SyntaxNode? Replacement)> At(SyntaxNode node, SemanticModel model) =>
        node switch
        {
            BinaryExpressionSyntax { RawKind: (int)SyntaxKind.CoalesceExpression } b =>
                b.Right is ThrowExpressionSyntax ? [("coalesce", b, b.Left)] : [("coalesce", b, b.Left), ("coalesce", b, b.Right)],
            BinaryExpressionSyntax b when Binary.TryGetValue(b.Kind(), out var kinds) && !IsText(b, model) =>
                kinds.Select(k => (Name(b.Kind()), (SyntaxNode)b, (SyntaxNode?)BinaryExpression(k, b.Left, b.Right))),
            AssignmentExpressionSyntax a when Assignments.TryGetValue(a.Kind(), out var kind) && !IsText(a, model) =>
                [("assignment", a, AssignmentExpression(kind, a.Left, a.Right))],
            PrefixUnaryExpressionSyntax u => Prefix(u),
            PostfixUnaryExpressionSyntax { RawKind: (int)SyntaxKind.PostIncrementExpression } u =>
                [("step", u, PostfixUnaryExpression(SyntaxKind.PostDecrementExpression, u.Operand))],
            PostfixUnaryExpressionSyntax { RawKind: (int)SyntaxKind.PostDecrementExpression } u =>
                [("step", u, PostfixUnaryExpression(SyntaxKind.PostIncrementExpression, u.Operand))],
            ConditionalExpressionSyntax c => [("choice", c, c.WhenTrue), ("choice", c, c.WhenFalse)],
            LiteralExpressionSyntax l => Literal(l),
            InterpolatedStringExpressionSyntax { Contents.Count: > 0 } s when !IsWordsOfAnError(s) => [("text", s, Text(""))],
            CollectionExpressionSyntax { Elements.Count: > 0 } c => [("collection", c, CollectionExpression())],
            InvocationExpressionSyntax i => [.. Calls(i), .. Negated(i)],
            IdentifierNameSyntax or MemberAccessExpressionSyntax or IsPatternExpressionSyntax or ElementAccessExpressionSyntax =>
                Negated((ExpressionSyntax)node),
            RelationalPatternSyntax p when Patterns.TryGetValue(p.OperatorToken.Kind(), out var token) =>
                [("comparison", p, RelationalPattern(Token(token), p.Expression))],
            BinaryPatternSyntax p => [("logic", p, p.IsKind(SyntaxKind.AndPattern)
                ? BinaryPattern(SyntaxKind.OrPattern, p.Left, p.Right)
                : BinaryPattern(SyntaxKind.AndPattern, p.Left, p.Right))],
            ExpressionStatementSyntax or ThrowStatementSyntax or ContinueStatementSyntax or ReturnStatementSyntax { Expression: null } =>
                [("statement", node, null)],
            BreakStatementSyntax { Parent: not SwitchSectionSyntax } => [("statement", node, null)],
            _ => [],
        };

    private static IEnumerable<(string Kind, SyntaxNode Original, SyntaxNode? Replacement)> Prefix(PrefixUnaryExpressionSyntax u) =>
        u.Kind() switch
        {
            SyntaxKind.UnaryMinusExpression or SyntaxKind.LogicalNotExpression or SyntaxKind.BitwiseNotExpression =>
                [("unary", u, u.Operand)],
            SyntaxKind.PreIncrementExpression => [("step", u, PrefixUnaryExpression(SyntaxKind.PreDecrementExpression, u.Operand))],
            SyntaxKind.PreDecrementExpression => [("step", u, PrefixUnaryExpression(SyntaxKind.PreIncrementExpression, u.Operand))],
            _ => [],
        };

    private static IEnumerable<(string Kind, SyntaxNode Original, SyntaxNode? Replacement)> Literal(LiteralExpressionSyntax l) =>
        l.Kind() switch
        {
            SyntaxKind.TrueLiteralExpression => [("boolean", l, LiteralExpression(SyntaxKind.FalseLiteralExpression))],
            SyntaxKind.FalseLiteralExpression => [("boolean", l, LiteralExpression(SyntaxKind.TrueLiteralExpression))],
            SyntaxKind.StringLiteralExpression when !IsWordsOfAnError(l) =>
                [("text", l, Text(l.Token.ValueText.Length > 0 ? "" : "mutated"))],
            _ => [],
        };

    private static IEnumerable<(string Kind, SyntaxNode Original, SyntaxNode? Replacement)> Calls(InvocationExpressionSyntax call)
    {
        if (call.Expression is not MemberAccessExpressionSyntax { Name: { } name } access)
            yield break;
        var word = name.Identifier.ValueText;
        var arguments = call.ArgumentList.Arguments;
        if (Methods.TryGetValue(word, out var other) && (word != "Any" || arguments.Count > 0))
        {
            var renamed = name is GenericNameSyntax generic
                ? generic.WithIdentifier(Identifier(other))
                : (SimpleNameSyntax)IdentifierName(other);
            yield return ("method", call, call.WithExpression(access.WithName(renamed)));
        }
        if (Removable.Contains(word))
            yield return ("method", call,
                access.Expression.ToString() is "Math" or "MathF" or "double" ? arguments[0].Expression : access.Expression);
    }

    // Conditions that no other operator changes.
    private static IEnumerable<(string Kind, SyntaxNode Original, SyntaxNode? Replacement)> Negated(ExpressionSyntax e)
    {
        SyntaxNode whole = e;
        while (whole.Parent is ParenthesizedExpressionSyntax)
            whole = whole.Parent;
        var isCondition = whole.Parent switch
        {
            IfStatementSyntax or WhileStatementSyntax or DoStatementSyntax or WhenClauseSyntax => true,
            ConditionalExpressionSyntax c => c.Condition == whole,
            ForStatementSyntax f => f.Condition == whole,
            BinaryExpressionSyntax b => b.Kind() is SyntaxKind.LogicalAndExpression or SyntaxKind.LogicalOrExpression,
            _ => false,
        };
        return isCondition ? [("negation", e, PrefixUnaryExpression(SyntaxKind.LogicalNotExpression, ParenthesizedExpression(e)))] : [];
    }

    private static bool IsText(ExpressionSyntax e, SemanticModel model) =>
        model.GetTypeInfo(e).Type is { SpecialType: SpecialType.System_String } or { TypeKind: TypeKind.Delegate };

    // What follows "throw", and the words of InputException.Of.
    private static bool IsWordsOfAnError(SyntaxNode node) => node.Ancestors().Any(a => a switch
    {
        ThrowStatementSyntax or ThrowExpressionSyntax => true,
        ObjectCreationExpressionSyntax o => o.Type.ToString().EndsWith("Exception", StringComparison.Ordinal),
        _ => false,
    });

    private static LiteralExpressionSyntax Text(string text) =>
        LiteralExpression(SyntaxKind.StringLiteralExpression, SyntaxFactory.Literal(text));

    private static string Name(SyntaxKind kind) => kind switch
    {
        SyntaxKind.LogicalAndExpression or SyntaxKind.LogicalOrExpression => "logic",
        SyntaxKind.EqualsExpression or SyntaxKind.NotEqualsExpression or SyntaxKind.LessThanExpression
            or SyntaxKind.LessThanOrEqualExpression
            or SyntaxKind.GreaterThanExpression or SyntaxKind.GreaterThanOrEqualExpression => "comparison",
        SyntaxKind.AddExpression or SyntaxKind.SubtractExpression or SyntaxKind.MultiplyExpression or SyntaxKind.DivideExpression
            or SyntaxKind.ModuloExpression => "arithmetic",
        _ => "bits",
    };

    private static Dictionary<string, string> Pairs(params (string, string)[] pairs) =>
        pairs.SelectMany(p => new[] { p, (p.Item2, p.Item1) }).ToDictionary(p => p.Item1, p => p.Item2);
}
