namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>What an answer is worth, in normal form.</summary>
internal abstract record Value;

/// <summary>A number or symbolic expression.</summary>
/// <param name="Scalar">Its exact value; of a percentage the number before the sign.</param>
/// <param name="IsDecimal">Whether it was written with a decimal point, and so may be rounded.</param>
/// <param name="IsPercent">Whether it is a percentage.</param>
/// <param name="Unit">The words behind it, or null.</param>
internal sealed record ScalarValue(Scalar Scalar, bool IsDecimal = false, bool IsPercent = false, string? Unit = null) : Value
{
    /// <summary>With how many digits a whole number was written, as 05 with two; 0 for anything else.</summary>
    public int Digits { get; init; }

    /// <summary>Whether a minus sign stands before it, which zero does not show.</summary>
    public bool HasMinus { get; init; }
}

/// <summary>Words.</summary>
internal sealed record TextValue(string Text) : Value;

/// <summary>Several values: (a, b], {a, b}, or a bare a, b whose brackets are spaces.</summary>
/// <param name="Open">The opening bracket, a space when there is none.</param>
/// <param name="Items">The values in order.</param>
/// <param name="Close">The closing bracket.</param>
/// <param name="Separator">A comma, or "and" or "or" when such a word stands between the items.</param>
internal sealed record ListValue(char Open, Value[] Items, char Close, char Separator = ',') : Value
{
    public bool IsBare => Open == ' ';

    public bool IsSet => Open == Marks.OpenSet;

    /// <summary>Whether it may be read as an interval.</summary>
    public bool IsInterval => Items.Length == 2 && Open is '(' or '[' && Items is [ScalarValue, ScalarValue];
}

/// <summary>A matrix by rows, all of one length.</summary>
internal sealed record MatrixValue(Value[][] Rows) : Value;

/// <summary>A set of reals: disjoint intervals and points in ascending order.</summary>
internal sealed record RealSetValue(Interval[] Intervals) : Value;

/// <summary>A value with a name: x = 5, f(x) = x + 1, x in [0, 1].</summary>
/// <param name="Name">Its name.</param>
/// <param name="NameScalar">The name as an expression, where it is one.</param>
/// <param name="Value">Its value.</param>
/// <param name="IsSolved">Whether the value is the solution of an inequality.</param>
internal sealed record NamedValue(string Name, Scalar? NameScalar, Value Value, bool IsSolved = false) : Value;

/// <summary>An equation f = g as f - g, up to a constant factor.</summary>
internal sealed record EquationValue(Scalar Difference) : Value
{
    /// <summary>What a sum of names comes to, as 25 in m + n = 25; null where the left side is anything else.</summary>
    public ScalarValue? Total { get; init; }
}

/// <summary>Inequalities that all hold, each as f &lt; 0, f ≤ 0 or f ≠ 0, up to a positive factor.</summary>
internal sealed record InequalityValue((Scalar Difference, char Operator)[] Conditions) : Value
{
    /// <summary>The lower side of each, which tells conditions between numbers apart.</summary>
    public required Scalar[] Lower { get; init; }
}

/// <summary>A ratio a : b, or a time.</summary>
internal sealed record RatioValue(ScalarValue[] Parts) : Value;

/// <summary>An interval, or a point when both ends are the same.</summary>
internal readonly record struct Interval(Scalar Low, bool LowClosed, Scalar High, bool HighClosed);
