using G2RL.Onnx.Mutation.Mutants;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace G2RL.Onnx.Mutation.Weaving;

/// <summary>Where a mutant's switch stands: around an expression, around a statement, or around the whole body.</summary>
/// <param name="Node">An expression; a statement; a block, an arrow clause or a lambda's expression.</param>
/// <param name="IsBody">Whether the body is there twice.</param>
internal sealed record Placement(SyntaxNode Node, bool IsBody)
{
    /// <summary>The smallest place, or null where there is none.</summary>
    /// <param name="mutant">The mutant.</param>
    /// <param name="model">What its file's names mean.</param>
    /// <param name="asBody">Takes the body at once: the smaller place did not compile.</param>
    public static Placement? Of(Mutant mutant, SemanticModel model, bool asBody)
    {
        if (asBody)
            return Body(mutant.Original);
        for (var node = mutant.Original; node is not null; node = node.Parent)
            switch (node)
            {
                case StatementSyntax statement:
                    return statement is ExpressionStatementSyntax or ThrowStatementSyntax or BreakStatementSyntax or ContinueStatementSyntax
                        or ReturnStatementSyntax { Expression: null } && !Declares(statement)
                        ? new(statement, IsBody: false)
                        : Body(node);
                case ExpressionSyntax e when IsValue(e, model):
                    return Declares(e) ? Body(e) : new(e, IsBody: false);
                case MemberDeclarationSyntax or ArrowExpressionClauseSyntax or LambdaExpressionSyntax or ConstructorInitializerSyntax:
                    return Body(node);
            }
        return null;
    }

    /// <summary>The member that holds a node: what is given up together.</summary>
    public static SyntaxNode? MemberOf(SyntaxNode node) => node.AncestorsAndSelf().FirstOrDefault(a => a is BaseMethodDeclarationSyntax
        or BasePropertyDeclarationSyntax or BaseFieldDeclarationSyntax);

    private static Placement? Body(SyntaxNode node)
    {
        foreach (var a in node.AncestorsAndSelf())
            switch (a)
            {
                case BlockSyntax
                {
                    Parent: BaseMethodDeclarationSyntax or AccessorDeclarationSyntax or LocalFunctionStatementSyntax
                    or AnonymousFunctionExpressionSyntax
                }:
                case ArrowExpressionClauseSyntax
                {
                    Parent: BaseMethodDeclarationSyntax or AccessorDeclarationSyntax
                    or LocalFunctionStatementSyntax or BasePropertyDeclarationSyntax
                }:
                    return new(a, IsBody: true);
                case ExpressionSyntax { Parent: LambdaExpressionSyntax lambda } when lambda.Body == a:
                    return new(a, IsBody: true);
                case MemberDeclarationSyntax:
                    return null;
            }
        return null;
    }

    private static bool IsValue(ExpressionSyntax e, SemanticModel model)
    {
        switch (e.Parent)
        {
            case AssignmentExpressionSyntax a when a.Left == e:
            case PrefixUnaryExpressionSyntax
            {
                RawKind: (int)SyntaxKind.PreIncrementExpression or (int)SyntaxKind.PreDecrementExpression
                or (int)SyntaxKind.AddressOfExpression
            }:
            case PostfixUnaryExpressionSyntax
            {
                RawKind: (int)SyntaxKind.PostIncrementExpression or (int)SyntaxKind.PostDecrementExpression,
            }:
            case ArgumentSyntax { RefKindKeyword.RawKind: not 0 }:
            case RefExpressionSyntax or PatternSyntax or NameColonSyntax or NameEqualsSyntax or QualifiedNameSyntax:
            case ExpressionStatementSyntax:
            case InvocationExpressionSyntax i when i.Expression == e:
            case MemberAccessExpressionSyntax m when m.Name == e:
            case ForStatementSyntax f when f.Condition != e:
            case ConditionalAccessExpressionSyntax c when c.WhenNotNull == e:
            case ExpressionSyntax { Parent: ExpressionStatementSyntax } and ParenthesizedExpressionSyntax:
                return false;
        }
        if (e is ThrowExpressionSyntax or RefExpressionSyntax or InitializerExpressionSyntax or MemberBindingExpressionSyntax
            or ElementBindingExpressionSyntax or DeclarationExpressionSyntax)
            return false;
        // A part of "a?.b.c" that does not hold its beginning.
        if (e.DescendantNodesAndSelf().Any(d => d is MemberBindingExpressionSyntax or ElementBindingExpressionSyntax
            && d.FirstAncestorOrSelf<ConditionalAccessExpressionSyntax>(c => c.WhenNotNull.Span.Contains(d.Span)) is { } whole
            && !e.Span.Contains(whole.Span)))
            return false;
        var type = model.GetTypeInfo(e);
        return (type.Type ?? type.ConvertedType) is { SpecialType: not SpecialType.System_Void }
            && model.GetSymbolInfo(e).Symbol is not (INamespaceOrTypeSymbol or null) || e is not NameSyntax
            && (type.Type ?? type.ConvertedType) is { SpecialType: not SpecialType.System_Void };
    }

    // Variables that live beyond the expression.
    private static bool Declares(SyntaxNode node) => node
        .DescendantNodesAndSelf(d => d is not AnonymousFunctionExpressionSyntax)
        .Any(d => d is SingleVariableDesignationSyntax);
}
