using System.Globalization;
using System.Numerics;

namespace G2RL.Onnx.Problems.Generated;

/// <summary>
/// An expression under construction: its text with no more parentheses than its value needs, and that value as a fraction.
/// </summary>
internal readonly record struct DrawnExpression
{
    private const int Number = 3;

    /// <summary>The text.</summary>
    public required string Text { get; init; }

    private int Precedence { get; init; }

    private BigInteger Numerator { get; init; }

    // 0 once something was divided by zero.
    private BigInteger Denominator { get; init; }

    /// <summary>The value when it is a whole number of at most 9 digits, else null.</summary>
    public int? Whole => !Denominator.IsZero && (Numerator % Denominator).IsZero && BigInteger.Abs(Numerator / Denominator) <= 999_999_999
        ? (int)(Numerator / Denominator)
        : null;

    /// <summary>A tree of random shape over the numbers, in this order, with the operators, in this order.</summary>
    public static DrawnExpression Draw(ref ProblemRandom random, ReadOnlySpan<int> numbers, ReadOnlySpan<char> operators)
    {
        if (numbers.Length == 1)
            return new()
            {
                Text = numbers[0].ToString(CultureInfo.InvariantCulture),
                Precedence = Number,
                Numerator = numbers[0],
                Denominator = 1,
            };
        var left = random.Between(1, numbers.Length - 1);
        return Join(
            operators[left - 1],
            Draw(ref random, numbers[..left], operators[..(left - 1)]),
            Draw(ref random, numbers[left..], operators[left..]));
    }

    private static DrawnExpression Join(char op, DrawnExpression left, DrawnExpression right)
    {
        var precedence = op is '+' or '-' ? 1 : 2;
        // a+(b-c) = a+b-c and a*(b/c) = a*b/c; the other two operators need them.
        var onRight = right.Precedence < precedence || (right.Precedence == precedence && (op is '-' or '/'));
        var (numerator, denominator) = right.Numerator.IsZero && op == '/'
            ? (0, 0)
            : RationalExpression.Apply(op, (left.Numerator, left.Denominator), (right.Numerator, right.Denominator));
        return new()
        {
            Text = $"{Enclosed(left.Text, left.Precedence < precedence)}{op}{Enclosed(right.Text, onRight)}",
            Precedence = precedence,
            Numerator = numerator,
            Denominator = denominator,
        };
    }

    private static string Enclosed(string text, bool parentheses) => parentheses ? $"({text})" : text;
}
