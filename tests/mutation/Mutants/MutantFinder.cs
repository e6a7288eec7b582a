using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace G2RL.Onnx.Mutation.Mutants;

/// <summary>Finds all mutants of a file.</summary>
internal static class MutantFinder
{
    /// <summary>Goes through a file from top to bottom.</summary>
    /// <param name="tree">The file.</param>
    /// <param name="model">What its names mean.</param>
    /// <param name="file">Its path in the repository.</param>
    public static IEnumerable<Mutant> In(SyntaxTree tree, SemanticModel model, string file)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var node in tree.GetRoot().DescendantNodes(n => !IsFixed(n)).Where(n => !IsFixed(n)))
            foreach (var (kind, original, replacement) in MutationOperators.At(node, model))
            {
                var line = tree.GetLineSpan(original.Span).StartLinePosition.Line + 1;
                var mutant = new Mutant(file, Member(original), kind, original, replacement, line);
                var name = $"{file} | {mutant.Member} | {mutant.Change}";
                var before = seen.GetValueOrDefault(name);
                seen[name] = before + 1;
                mutant.Key = before == 0 ? name : $"{name} | {before + 1}";
                yield return mutant;
            }
    }

    // Must be constants, or are no code.
    private static bool IsFixed(SyntaxNode node) => node switch
    {
        AttributeListSyntax or EnumMemberDeclarationSyntax or CaseSwitchLabelSyntax
            or BaseListSyntax { Types: [not PrimaryConstructorBaseTypeSyntax, ..] } => true,
        FieldDeclarationSyntax f => f.Modifiers.Any(SyntaxKind.ConstKeyword),
        LocalDeclarationStatementSyntax l => l.IsConst,
        EqualsValueClauseSyntax { Parent: ParameterSyntax } => true,
        TypeSyntax and not NameSyntax => true,
        InvocationExpressionSyntax { Expression: IdentifierNameSyntax { Identifier.ValueText: "nameof" } } => true,
        _ => false,
    };

    private static string Member(SyntaxNode node)
    {
        var names = node.Ancestors().Select(a => a switch
        {
            MethodDeclarationSyntax m => m.Identifier.ValueText,
            LocalFunctionStatementSyntax f => f.Identifier.ValueText,
            ConstructorDeclarationSyntax => "constructor",
            PropertyDeclarationSyntax p => p.Identifier.ValueText,
            IndexerDeclarationSyntax => "this[]",
            OperatorDeclarationSyntax o => "operator " + o.OperatorToken.ValueText,
            FieldDeclarationSyntax f => f.Declaration.Variables[0].Identifier.ValueText,
            BaseTypeDeclarationSyntax t => t.Identifier.ValueText,
            _ => null,
        }).OfType<string>();
        return string.Join('.', names.Reverse());
    }
}
