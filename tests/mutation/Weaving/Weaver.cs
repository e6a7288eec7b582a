using G2RL.Onnx.Mutation.Mutants;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using static Microsoft.CodeAnalysis.CSharp.SyntaxFactory;

namespace G2RL.Onnx.Mutation.Weaving;

/// <summary>Writes all mutants of a file into it, each behind its switch.</summary>
/// <param name="placed">Mutants by the place of their switch.</param>
/// <param name="model">What the file's names mean.</param>
internal sealed class Weaver(IReadOnlyDictionary<Placement, List<Mutant>> placed, SemanticModel model) : CSharpSyntaxRewriter
{
    /// <summary>Marks what a mutant wrote; the number is the annotation's data.</summary>
    public const string Mark = "mutant";

    private readonly ILookup<SyntaxNode, (Placement Place, List<Mutant> Mutants)> places =
        placed.ToLookup(p => p.Key.Node, p => (p.Key, p.Value));

    /// <inheritdoc/>
    public override SyntaxNode? Visit(SyntaxNode? node)
    {
        if (node is null)
            return null;
        var woven = base.Visit(node);
        foreach (var (place, mutants) in places[node].OrderBy(p => p.Place.IsBody))
            if (!place.IsBody)
                woven = node is StatementSyntax statement
                    ? Statements(statement, (StatementSyntax)woven!, mutants)
                    : Expressions((ExpressionSyntax)node, (ExpressionSyntax)woven!, mutants);
            else if (node is BlockSyntax)
                woven = Bodies(node, woven!, mutants);
        // "=> e" becomes "{ return e; }", which its parent must write.
        return Expression(node) is { } body && places[body].FirstOrDefault(p => p.Place.IsBody) is { Mutants: { } both }
            ? WithBlock(woven!, Bodies(body, Expression(woven!)!, both))
            : woven;
    }

    /// <summary>What is static is made again for a mutant in what makes it, so nothing static may be taken for a constant.</summary>
    public override SyntaxNode? VisitFieldDeclaration(FieldDeclarationSyntax node)
    {
        var woven = (FieldDeclarationSyntax)base.VisitFieldDeclaration(node)!;
        return woven.Modifiers.Any(SyntaxKind.StaticKeyword)
            ? woven.WithModifiers([.. woven.Modifiers.Where(m => !m.IsKind(SyntaxKind.ReadOnlyKeyword))])
            : woven;
    }

    /// <inheritdoc cref="VisitFieldDeclaration"/>
    public override SyntaxNode? VisitPropertyDeclaration(PropertyDeclarationSyntax node)
    {
        var woven = (PropertyDeclarationSyntax)base.VisitPropertyDeclaration(node)!;
        return woven is { Initializer: not null, AccessorList.Accessors: [{ RawKind: (int)SyntaxKind.GetAccessorDeclaration }] }
            && woven.Modifiers.Any(SyntaxKind.StaticKeyword)
            ? woven.AddAccessorListAccessors(AccessorDeclaration(SyntaxKind.SetAccessorDeclaration)
                .WithSemicolonToken(Token(SyntaxKind.SemicolonToken)))
            : woven;
    }

    private static SyntaxNode? Expression(SyntaxNode node) => node switch
    {
        LambdaExpressionSyntax l => l.ExpressionBody,
        BaseMethodDeclarationSyntax m => m.ExpressionBody,
        LocalFunctionStatementSyntax f => f.ExpressionBody,
        AccessorDeclarationSyntax a => a.ExpressionBody,
        PropertyDeclarationSyntax p => p.ExpressionBody,
        IndexerDeclarationSyntax i => i.ExpressionBody,
        _ => null,
    };

    private static SyntaxNode WithBlock(SyntaxNode node, BlockSyntax block) => node switch
    {
        LambdaExpressionSyntax l => l.WithBody(block),
        BaseMethodDeclarationSyntax m => m.WithExpressionBody(null).WithSemicolonToken(default).WithBody(block),
        LocalFunctionStatementSyntax f => f.WithExpressionBody(null).WithSemicolonToken(default).WithBody(block),
        AccessorDeclarationSyntax a => a.WithExpressionBody(null).WithSemicolonToken(default).WithBody(block),
        PropertyDeclarationSyntax p => p.WithExpressionBody(null).WithSemicolonToken(default).WithAccessorList(Getter(block)),
        IndexerDeclarationSyntax i => i.WithExpressionBody(null).WithSemicolonToken(default).WithAccessorList(Getter(block)),
        _ => node,
    };

    private static AccessorListSyntax Getter(BlockSyntax block) =>
        AccessorList([AccessorDeclaration(SyntaxKind.GetAccessorDeclaration, block)]);

    private static ExpressionSyntax Expressions(ExpressionSyntax original, ExpressionSyntax woven, List<Mutant> mutants)
    {
        var inner = woven.WithoutTrivia();
        foreach (var mutant in mutants)
            inner = ParenthesizedExpression(ConditionalExpression(On(mutant), Grouped(Mutated(original, mutant)), Grouped(inner)));
        return inner.WithTriviaFrom(woven);

        static ExpressionSyntax Grouped(ExpressionSyntax e) =>
            e is BinaryExpressionSyntax or AssignmentExpressionSyntax or ConditionalExpressionSyntax or LambdaExpressionSyntax
                ? ParenthesizedExpression(e)
                : e;
    }

    private static BlockSyntax Statements(StatementSyntax original, StatementSyntax woven, List<Mutant> mutants)
    {
        var inner = woven.WithoutTrivia();
        foreach (var mutant in mutants)
            inner = IfStatement(On(mutant), Block(List<StatementSyntax>(Mutated(original, mutant))), ElseClause(Block(inner)));
        return Block(inner).WithTriviaFrom(woven);

        static IEnumerable<StatementSyntax> Mutated(StatementSyntax original, Mutant mutant) =>
            mutant.Replacement is null ? [] : [Weaver.Mutated(original, mutant)];
    }

    private BlockSyntax Bodies(SyntaxNode original, SyntaxNode woven, List<Mutant> mutants)
    {
        var inner = AsBlock(original, woven);
        foreach (var mutant in mutants)
        {
            var body = mutant.Replacement is { } replacement
                ? original == mutant.Original ? replacement : original.ReplaceNode(mutant.Original, replacement)
                : original.ReplaceNode(mutant.Original, EmptyStatement());
            inner = Block(IfStatement(On(mutant), Marked(AsBlock(original, body), mutant), ElseClause(inner)));
        }
        return inner;
    }

    private BlockSyntax AsBlock(SyntaxNode original, SyntaxNode body)
    {
        if (body is BlockSyntax block)
            return block;
        var expression = body is ArrowExpressionClauseSyntax a ? a.Expression : (ExpressionSyntax)body;
        if (expression is ThrowExpressionSyntax thrown)
            return Block(ThrowStatement(thrown.Expression));
        var symbol = original.Parent is LambdaExpressionSyntax lambda
            ? model.GetSymbolInfo(lambda).Symbol
            : original.Parent is BasePropertyDeclarationSyntax ? null : model.GetDeclaredSymbol(original.Parent!);
        var isVoid = symbol is IMethodSymbol { ReturnsVoid: true }
            || symbol is IMethodSymbol { IsAsync: true, ReturnType: INamedTypeSymbol { TypeArguments.Length: 0 } };
        return Block(isVoid ? ExpressionStatement(expression) : ReturnStatement(expression.WithoutTrivia()));
    }

    private static T Mutated<T>(T original, Mutant mutant)
        where T : SyntaxNode =>
        Marked(original == mutant.Original ? (T)mutant.Replacement! : original.ReplaceNode(mutant.Original, mutant.Replacement!), mutant)
            .WithoutTrivia();

    private static T Marked<T>(T node, Mutant mutant)
        where T : SyntaxNode =>
        node.WithAdditionalAnnotations(new SyntaxAnnotation(Mark, mutant.Id.ToString()));

    private static InvocationExpressionSyntax On(Mutant mutant) =>
        (InvocationExpressionSyntax)ParseExpression($"global::G2RL.Onnx.MutantSwitch.On({mutant.Id})");
}
