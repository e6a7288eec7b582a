using System.Globalization;
using System.Numerics;

namespace G2RL.Onnx.Problems.Generated;

/// <summary>An expression of whole numbers, + - * / and parentheses, read without recursion and worked out exactly.</summary>
/// <remarks>
/// sum = product {(+|-) product}; product = factor {(*|/) factor}; factor = digits | ( sum ). No signs, no leading zeros, digits 0 to 9
/// only; spaces (U+0020) may stand between tokens. A text is at most <see cref="MaxLength"/> characters, which bounds memory and time:
/// numerator and denominator of a result never have more bits than the digits and operators of the text together can make, about 1,700.
/// </remarks>
internal sealed class RationalExpression
{
    /// <summary>Longest text that is read, in characters.</summary>
    public const int MaxLength = 512;

    // Postfix order; '\0' marks a number, the next one in numbers.
    private readonly char[] postfix;
    private readonly BigInteger[] numbers;

    private RationalExpression(ReadOnlySpan<char> postfix, ReadOnlySpan<BigInteger> numbers) =>
        (this.postfix, this.numbers) = (postfix.ToArray(), numbers.ToArray());

    /// <summary>The numbers as they are written, from left to right.</summary>
    public ReadOnlySpan<BigInteger> Numbers => numbers;

    /// <summary>Whether every operator is one of these.</summary>
    public bool UsesOnly(ReadOnlySpan<char> operators)
    {
        foreach (var op in postfix)
            if (op != '\0' && !operators.Contains(op))
                return false;
        return true;
    }

    /// <summary>Reads a text; null for anything outside the grammar. Never throws.</summary>
    public static RationalExpression? TryParse(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > MaxLength)
            return null;
        // Dijkstra's two stacks: `pending` holds operators and opening parentheses that wait for their right side.
        Span<char> order = stackalloc char[text.Length];
        Span<char> pending = stackalloc char[text.Length];
        var read = new BigInteger[(text.Length + 1) / 2];
        var (written, waiting, count, wantsNumber) = (0, 0, 0, true);
        for (var at = 0; at < text.Length; at++)
        {
            var c = text[at];
            if (c == ' ')
                continue;
            if (wantsNumber)
            {
                if (c == '(')
                {
                    pending[waiting++] = c;
                    continue;
                }

                var digits = Digits(text[at..]);
                if (digits == 0)
                    return null;
                read[count++] = digits <= 18
                    ? long.Parse(text.Slice(at, digits), NumberStyles.None, CultureInfo.InvariantCulture)
                    : BigInteger.Parse(text.Slice(at, digits), NumberStyles.None, CultureInfo.InvariantCulture);
                order[written++] = '\0';
                at += digits - 1;
                wantsNumber = false;
            }
            else if (c == ')')
            {
                while (waiting > 0 && pending[waiting - 1] != '(')
                    order[written++] = pending[--waiting];
                if (waiting-- == 0)
                    return null;
            }
            else if (Precedence(c) is > 0 and var precedence)
            {
                while (waiting > 0 && Precedence(pending[waiting - 1]) >= precedence)
                    order[written++] = pending[--waiting];
                pending[waiting++] = c;
                wantsNumber = true;
            }
            else
            {
                return null;
            }
        }

        if (wantsNumber)
            return null;
        while (waiting > 0)
        {
            if (pending[--waiting] == '(')
                return null;
            order[written++] = pending[waiting];
        }

        return new RationalExpression(order[..written], read.AsSpan(0, count));
    }

    /// <summary>The exact value, as a fraction that need not be reduced; false when something is divided by zero. Never throws.</summary>
    public bool TryEvaluate(out BigInteger numerator, out BigInteger denominator)
    {
        var stack = new (BigInteger Numerator, BigInteger Denominator)[numbers.Length];
        var (height, next) = (0, 0);
        (numerator, denominator) = (0, 1);
        foreach (var op in postfix)
        {
            if (op == '\0')
            {
                stack[height++] = (numbers[next++], BigInteger.One);
                continue;
            }

            var right = stack[--height];
            var left = stack[height - 1];
            if (op == '/' && right.Numerator.IsZero)
                return false;
            stack[height - 1] = Apply(op, left, right);
        }

        (numerator, denominator) = stack[0];
        return true;
    }

    /// <summary>Whether the value is this whole number, exactly. False when something is divided by zero.</summary>
    public bool IsWhole(BigInteger value) => TryEvaluate(out var numerator, out var denominator) && numerator == value * denominator;

    /// <summary>One operation on two fractions, not reduced; a division by zero gives the denominator 0.</summary>
    public static (BigInteger Numerator, BigInteger Denominator) Apply(
        char op,
        (BigInteger Numerator, BigInteger Denominator) left,
        (BigInteger Numerator, BigInteger Denominator) right) => op switch
        {
            '+' => ((left.Numerator * right.Denominator) + (right.Numerator * left.Denominator), left.Denominator * right.Denominator),
            '-' => ((left.Numerator * right.Denominator) - (right.Numerator * left.Denominator), left.Denominator * right.Denominator),
            '*' => (left.Numerator * right.Numerator, left.Denominator * right.Denominator),
            '/' => (left.Numerator * right.Denominator, left.Denominator * right.Numerator),
            _ => throw new ArgumentException($"'{op}' is not an operator.", nameof(op)),
        };

    // 0 unless a number in its canonical form stands there; a number with leading zeros is none.
    private static int Digits(ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAnyExceptInRange('0', '9');
        var digits = end < 0 ? text.Length : end;
        return digits > 1 && text[0] == '0' ? 0 : digits;
    }

    private static int Precedence(char c) => c switch { '+' or '-' => 1, '*' or '/' => 2, _ => 0 };
}
