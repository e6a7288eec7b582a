using Microsoft.CodeAnalysis;

namespace G2RL.Onnx.Mutation.Mutants;

/// <summary>One small fault that could be planted.</summary>
/// <param name="File">Source file, relative to the repository.</param>
/// <param name="Member">Type and member that hold it.</param>
/// <param name="Kind">The operator of <see cref="MutationOperators"/>.</param>
/// <param name="Original">What stands there.</param>
/// <param name="Replacement">What would stand there; null where a statement goes.</param>
/// <param name="Line">Line of the original, from 1.</param>
internal sealed record Mutant(string File, string Member, string Kind, SyntaxNode Original, SyntaxNode? Replacement, int Line)
{
    private const int LongestText = 70;

    /// <summary>Its number in the woven assembly.</summary>
    public int Id { get; set; }

    /// <summary>Its name, which stays the same when lines above it come and go.</summary>
    public string Key { get; set; } = "";

    /// <summary>What changes, as a reader would write it.</summary>
    public string Change => $"{Short(Original)} => {(Replacement is null ? "(nothing)" : Short(Replacement.NormalizeWhitespace()))}";

    private static string Short(SyntaxNode node)
    {
        var text = string.Join(' ', node.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return text.Length <= LongestText ? text : text[..(LongestText - 3)] + "...";
    }
}
