namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Sine and cosine: exact at multiples of pi/6 and pi/4, otherwise functions with the sign taken out of the argument.</summary>
internal static class Trigonometry
{
    public static Scalar? Sine(Scalar? argument, Budget budget)
    {
        if (argument is null || argument.IsInfinite)
            return null;
        if (MultipleOfPi(argument) is { } turns && SineOfTurns(turns, budget) is { } exact)
            return exact;
        return IsNegative(argument) ? Scalar.OfFunction(budget, "sin", argument.Negated())?.Negated()
            : Scalar.OfFunction(budget, "sin", argument);
    }

    public static Scalar? Cosine(Scalar? argument, Budget budget)
    {
        if (argument is null || argument.IsInfinite)
            return null;
        if (MultipleOfPi(argument) is { } turns && SineOfTurns(turns + Rational.Half, budget) is { } exact)
            return exact;
        return Scalar.OfFunction(budget, "cos", IsNegative(argument) ? argument.Negated() : argument);
    }

    /// <summary>e^(i q pi) as cos + i sin; null when the exponent is something else.</summary>
    public static Scalar? UnitCircle(Term exponent, Budget budget)
    {
        if (exponent.Monomial.Factors.Length != 2 || !exponent.Monomial.ExponentOf(Atom.I).IsOne
            || !exponent.Monomial.ExponentOf(Atom.Pi).IsOne)
            return null;
        var angle = Scalar.Multiply(Scalar.Pi, Scalar.Of(exponent.Coefficient), budget);
        return Scalar.Add(Cosine(angle, budget), Scalar.Multiply(Scalar.I, Sine(angle, budget), budget), budget);
    }

    private static Rational? MultipleOfPi(Scalar argument)
    {
        if (argument.Numerator.IsZero)
            return Rational.Zero;
        return argument.Denominator.IsOne && argument.Numerator.Terms.Length == 1 && argument.Numerator.Terms[0] is var term
            && term.Monomial.Equals(Scalar.Pi.Numerator.Terms[0].Monomial)
            ? term.Coefficient
            : null;
    }

    // sin(q pi) for q a multiple of 1/6 or 1/4.
    private static Scalar? SineOfTurns(Rational turns, Budget budget)
    {
        var twelfths = turns * 12;
        if (!twelfths.IsInteger)
            return null;
        var step = (int)(((twelfths.Numerator % 24) + 24) % 24);
        var sign = step >= 12 ? -1 : 1;
        step %= 12;
        if (step > 6)
            step = 12 - step;
        Rational? square = step switch { 0 => 0, 2 => new Rational(1, 4), 3 => Rational.Half, 4 => new Rational(3, 4), 6 => 1, _ => null };
        var size = square is { } s ? Powers.Root(Scalar.Of(s), Rational.Half, budget) : Twelfth(step, budget);
        return sign < 0 ? size?.Negated() : size;
    }

    // sin(pi/12) = (sqrt 6 - sqrt 2) / 4 and sin(5 pi/12) = (sqrt 6 + sqrt 2) / 4.
    private static Scalar? Twelfth(int step, Budget budget)
    {
        var six = Powers.Root(Scalar.Of(6), Rational.Half, budget);
        var two = Powers.Root(Scalar.Of(2), Rational.Half, budget);
        return Scalar.Multiply(Scalar.Add(six, step == 1 ? two?.Negated() : two, budget), Scalar.Of(new Rational(1, 4)), budget);
    }

    private static bool IsNegative(Scalar argument) =>
        argument.Numerator.Terms.Length > 0 && argument.Numerator.Terms[0].Coefficient.Sign < 0;
}
