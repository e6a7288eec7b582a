using System.Text;

namespace G2RL.Onnx.Problems.Generated;

/// <summary>
/// An integer expression: a number, or an operation on two expressions. Its text has the fewest parentheses from which the same tree is
/// read back; negative numbers are written with a bare minus (<c>5*-6</c>).
/// </summary>
internal sealed class ArithmeticExpression
{
    /// <summary>Longest text that <see cref="TryParse"/> accepts, in characters.</summary>
    public const int MaxLength = 512;

    private const int MaxDepth = 64;

    private ArithmeticExpression(long value, char op, ArithmeticExpression? left, ArithmeticExpression? right)
        => (Value, Operator, Left, Right) = (value, op, left, right);

    /// <summary>The number; meaningless for an operation.</summary>
    public long Value { get; }

    /// <summary><c>+</c>, <c>-</c> or <c>*</c>; '\0' for a number.</summary>
    public char Operator { get; }

    /// <summary>The left operand of an operation.</summary>
    public ArithmeticExpression? Left { get; }

    /// <summary>The right operand of an operation.</summary>
    public ArithmeticExpression? Right { get; }

    /// <summary>Whether nothing is left to compute.</summary>
    public bool IsNumber => Operator == '\0';

    private int Precedence => Operator switch { '\0' => 3, '*' => 2, _ => 1 };

    /// <summary>A number.</summary>
    public static ArithmeticExpression Number(long value) => new(value, '\0', null, null);

    /// <summary>An operation.</summary>
    public static ArithmeticExpression Operation(char op, ArithmeticExpression left, ArithmeticExpression right) => new(0, op, left, right);

    /// <summary>The result of one operation.</summary>
    public static long Apply(char op, long left, long right) => op switch
    {
        '+' => checked(left + right),
        '-' => checked(left - right),
        '*' => checked(left * right),
        _ => throw new ArgumentException($"'{op}' is not an operator.", nameof(op)),
    };

    /// <summary>
    /// Does one operation: the first in left-to-right order whose operands are both numbers. <paramref name="evaluate"/> gives its result.
    /// </summary>
    public ArithmeticExpression Reduce(Func<char, long, long, long> evaluate)
    {
        if (IsNumber)
            return this;
        if (!Left!.IsNumber)
            return Operation(Operator, Left.Reduce(evaluate), Right!);
        return Right!.IsNumber ? Number(evaluate(Operator, Left.Value, Right.Value)) : Operation(Operator, Left, Right.Reduce(evaluate));
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        Write(text);
        return text.ToString();
    }

    /// <summary>Reads a text of at most <see cref="MaxLength"/> characters; false for anything outside the grammar. Never throws.</summary>
    /// <remarks>
    /// sum = product {(+|-) product}; product = factor {* factor}; factor = [-] digits | ( sum ); no leading zeros, at most 9 digits, no
    /// spaces.
    /// </remarks>
    public static bool TryParse(ReadOnlySpan<char> text, out ArithmeticExpression expression)
    {
        expression = Number(0);
        if (text.Length is 0 or > MaxLength)
            return false;
        var at = 0;
        return Sum(text, ref at, 0, ref expression) && at == text.Length;
    }

    private static bool Sum(ReadOnlySpan<char> text, ref int at, int depth, ref ArithmeticExpression result)
    {
        if (!Product(text, ref at, depth, ref result))
            return false;
        while (at < text.Length && text[at] is '+' or '-')
        {
            var op = text[at++];
            var right = result;
            if (!Product(text, ref at, depth, ref right))
                return false;
            result = Operation(op, result, right);
        }

        return true;
    }

    private static bool Product(ReadOnlySpan<char> text, ref int at, int depth, ref ArithmeticExpression result)
    {
        if (!Factor(text, ref at, depth, ref result))
            return false;
        while (at < text.Length && text[at] == '*')
        {
            at++;
            var right = result;
            if (!Factor(text, ref at, depth, ref right))
                return false;
            result = Operation('*', result, right);
        }

        return true;
    }

    private static bool Factor(ReadOnlySpan<char> text, ref int at, int depth, ref ArithmeticExpression result)
    {
        if (at >= text.Length || depth > MaxDepth)
            return false;
        if (text[at] == '(')
        {
            at++;
            return Sum(text, ref at, depth + 1, ref result) && at < text.Length && text[at++] == ')';
        }

        var start = at;
        if (text[at] == '-')
            at++;
        while (at < text.Length && char.IsAsciiDigit(text[at]))
            at++;
        if (!TryInteger(text[start..at], out var value))
            return false;
        result = Number(value);
        return true;
    }

    /// <summary>Reads an integer in its one canonical form: optional minus, no leading zeros, no "-0", at most 9 digits.</summary>
    public static bool TryInteger(ReadOnlySpan<char> text, out long value)
    {
        value = 0;
        var negative = text.Length > 0 && text[0] == '-';
        var digits = negative ? text[1..] : text;
        if (digits.Length is 0 or > 9 || digits.ContainsAnyExceptInRange('0', '9') || (digits[0] == '0' && (digits.Length > 1 || negative)))
            return false;
        foreach (var c in digits)
            value = (value * 10) + (c - '0');
        value = negative ? -value : value;
        return true;
    }

    private void Write(StringBuilder text)
    {
        if (IsNumber)
        {
            text.Append(Value);
            return;
        }

        WriteChild(text, Left!, Left!.Precedence < Precedence);
        text.Append(Operator);
        WriteChild(text, Right!, Right!.Precedence <= Precedence);
    }

    private static void WriteChild(StringBuilder text, ArithmeticExpression child, bool parentheses)
    {
        if (parentheses)
            text.Append('(');
        child.Write(text);
        if (parentheses)
            text.Append(')');
    }
}
