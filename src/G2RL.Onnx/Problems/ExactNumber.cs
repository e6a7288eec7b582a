using System.Numerics;
using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Problems;

/// <summary>
/// Numbers as people write them, compared exactly: <c>1,000</c> = <c>1000.0</c> = <c>1e3</c>, <c>1/2</c> = <c>0.5</c> = <c>\frac{1}{2}</c>,
/// <c>-$5</c>, <c>3 1/2</c>, <c>18 apples</c>. The grammar is the answer checker's; what asks for a calculation (2+3, 1/2/3, --1) is no
/// number, on purpose.
/// </summary>
internal static class ExactNumber
{
    /// <summary>Longest text that is read as a number, in characters.</summary>
    public const int MaxLength = 200;

    private const int MaxSteps = 20_000;

    /// <summary>Reads a number as a reduced fraction, the denominator > 0. Never throws.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out (BigInteger Numerator, BigInteger Denominator) value)
    {
        value = (0, 1);
        text = text.Trim();
        if (text.Length is 0 or > MaxLength || (text.Length > 1 && IsSign(text[0]) && IsSign(text[1])))
            return false;
        if (Plain(text) is { } plain)
        {
            value = (plain.Numerator, plain.Denominator);
            return true;
        }

        var budget = new Budget(MaxSteps);
        if (Answer.Read(text.ToString(), budget) is not { Node: { } node, Value: ScalarValue { Scalar.AsRational: { } rational } }
            || !IsNumber(node))
            return false;
        value = (rational.Numerator, rational.Denominator);
        return true;
    }

    /// <summary>Whether both texts are numbers, and equal.</summary>
    public static bool Equal(ReadOnlySpan<char> left, ReadOnlySpan<char> right) =>
        TryParse(left, out var a) && TryParse(right, out var b) && a == b;

    // Sign, currency and digits need no parser; only here are 1,00,000 grouped digits, for in LaTeX they would be a list.
    private static Rational? Plain(ReadOnlySpan<char> text)
    {
        var negative = text[0] is '-' or '\u2212';
        var at = IsSign(text[0]) ? 1 : 0;
        at += text[at..].StartsWith("\\$") ? 2 : text[at..].StartsWith("$") ? 1 : 0;
        return Numerals.Read(text, at, indian: true) is { } number && at + number.Length == text.Length
            ? negative ? -number.Value : number.Value
            : null;
    }

    private static bool IsSign(char letter) => letter is '-' or '+' or '\u2212';

    // A sign, words and marks around one number or one fraction of two.
    private static bool IsNumber(Node node) => node.Kind switch
    {
        NodeKind.Number or NodeKind.Mixed => true,
        NodeKind.Negative or NodeKind.Unit or NodeKind.Percent or NodeKind.Degree => IsNumber(node.Children[0]),
        NodeKind.Fraction => Array.TrueForAll(node.Children, IsWhole),
        NodeKind.Product =>
            node.Children is [var above, { Kind: NodeKind.Inverse, Children: [var below] }] && IsWhole(above) && IsWhole(below),
        _ => false,
    };

    private static bool IsWhole(Node node) =>
        node.Kind == NodeKind.Number || (node.Kind == NodeKind.Negative && node.Children[0].Kind == NodeKind.Number);
}
