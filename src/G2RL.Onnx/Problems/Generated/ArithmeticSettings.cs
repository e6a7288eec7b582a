namespace G2RL.Onnx.Problems.Generated;

/// <summary>How hard the expressions of <see cref="Arithmetic"/> are.</summary>
public sealed record ArithmeticSettings
{
    /// <summary>Fewest numbers in an expression, 2 to <see cref="MaxOperands"/>. Default 2.</summary>
    public int MinOperands { get; init; } = 2;

    /// <summary>Most numbers in an expression, at most 8. Default 4.</summary>
    public int MaxOperands { get; init; } = 4;

    /// <summary>Smallest number written in an expression, >= 0. Default 0.</summary>
    public int MinOperand { get; init; }

    /// <summary>Largest number written in an expression, at most <see cref="Bound"/>. Default 99.</summary>
    public int MaxOperand { get; init; } = 99;

    /// <summary>
    /// The operators drawn from, each of <c>+</c>, <c>-</c>, <c>*</c>; one written twice is drawn twice as often. Default <c>+-*</c>.
    /// </summary>
    public string Operators { get; init; } = "+-*";

    /// <summary>Whether parentheses occur. Default true.</summary>
    public bool Parentheses { get; init; } = true;

    /// <summary>Largest absolute value of any intermediate result, 1 to 999,999. Default 999.</summary>
    public int Bound { get; init; } = 999;

    /// <summary>Size of the held-out set, >= 1. Default 500.</summary>
    public int HeldOutCount { get; init; } = 500;

    /// <summary>
    /// Chooses which held-out expressions are drawn. Which side of the split an expression belongs to never depends on it. Default 1.
    /// </summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>
    /// Probability per written step of <see cref="Arithmetic.Example"/> that its result is off by a little, then carried on consistently, 0
    /// to 1. Default 0.
    /// </summary>
    public double ErrorRate { get; init; }

    /// <summary>The settings themselves when every rule holds.</summary>
    /// <param name="place">What stands before their names where they are typed, for messages.</param>
    /// <exception cref="InputException">One or more rules are broken; all are reported.</exception>
    public ArithmeticSettings Validated(string place = "problems.settings")
    {
        var faults = new List<string>();
        if (MinOperands < 2 || MinOperands > MaxOperands)
            faults.Add($"{place}.minOperands is {MinOperands}; it must be 2 to maxOperands ({MaxOperands}).");
        if (MaxOperands > 8)
            faults.Add($"{place}.maxOperands is {MaxOperands}; it must be at most 8.");
        if (MinOperand < 0 || MinOperand > MaxOperand)
            faults.Add($"{place}.minOperand is {MinOperand}; it must be 0 to maxOperand ({MaxOperand}).");
        if (Bound is < 1 or > 999_999)
            faults.Add($"{place}.bound is {Bound}; it must be 1 to 999999.");
        if (MaxOperand > Bound)
            faults.Add($"{place}.maxOperand is {MaxOperand}; it must be at most bound ({Bound}).");
        if (string.IsNullOrEmpty(Operators) || Operators.Length > 32 || Operators.AsSpan().ContainsAnyExcept("+-*"))
            faults.Add($"{place}.operators is '{Operators}'; it must be 1 to 32 of the characters + - *.");
        if (HeldOutCount < 1)
            faults.Add($"{place}.heldOutCount is {HeldOutCount}; it must be at least 1.");
        if (!(ErrorRate is >= 0 and <= 1))
            faults.Add($"{place}.errorRate is {ErrorRate}; it must be 0 to 1.");
        return faults.Count == 0 ? this : throw InputException.Of(faults);
    }
}
