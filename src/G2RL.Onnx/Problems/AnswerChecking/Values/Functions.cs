using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Functions by name. Each returns null where it has no value or the value would be too large.</summary>
internal static class Functions
{
    private const int LargestFactorial = 1_000;
    private const int LargestExpanded = 6;

    /// <summary>Every function that is understood; the argument is in radians where it is an angle.</summary>
    public static Scalar? Apply(string name, Scalar? argument, Budget budget)
    {
        if (argument is null || !budget.Spend(4))
            return null;
        return name switch
        {
            "sin" => Trigonometry.Sine(argument, budget),
            "cos" => Trigonometry.Cosine(argument, budget),
            "tan" => Scalar.Divide(Trigonometry.Sine(argument, budget), Trigonometry.Cosine(argument, budget), budget),
            "cot" => Scalar.Divide(Trigonometry.Cosine(argument, budget), Trigonometry.Sine(argument, budget), budget),
            "sec" => Scalar.Divide(Scalar.One, Trigonometry.Cosine(argument, budget), budget),
            "csc" => Scalar.Divide(Scalar.One, Trigonometry.Sine(argument, budget), budget),
            "exp" => Powers.Raise(Scalar.E, argument, budget),
            "ln" or "log" => Logarithm(argument, budget),
            "lg" => Scalar.Divide(Logarithm(argument, budget), Logarithm(Scalar.Of(10), budget), budget),
            "abs" => Absolute(argument, budget),
            "floor" => Rounded(argument, name, budget),
            "ceil" => Rounded(argument.Negated(), "floor", budget)?.Negated(),
            "factorial" => Factorial(argument, budget),
            _ => argument.IsInfinite ? null : Scalar.OfFunction(budget, name, argument),
        };
    }

    /// <summary>The natural logarithm, split over the primes of a rational and the factors of a positive monomial.</summary>
    public static Scalar? Logarithm(Scalar? argument, Budget budget)
    {
        if (argument is null || argument.Numerator.IsZero || argument.IsInfinite)
            return null;
        if (!argument.Denominator.IsOne && Powers.Parts(argument, budget) is var (above, below))
            return Scalar.Subtract(Logarithm(Scalar.Of(above), budget), Logarithm(Scalar.Of(below), budget), budget);
        if (!argument.Denominator.IsOne || argument.Numerator.Terms.Length != 1
            || argument.Numerator.Terms[0] is not { Coefficient.Sign: > 0 } term)
            return Scalar.OfFunction(budget, "ln", argument);
        foreach (var (atom, _) in term.Monomial.Factors)
        {
            if (!atom.IsPositive && !IsPower(atom))
                return Scalar.OfFunction(budget, "ln", argument);
        }

        var sum = Scalar.Zero;
        foreach (var (part, sign) in new[] { (term.Coefficient.Numerator, 1), (term.Coefficient.Denominator, -1) })
        {
            if (Factors.Of(part, budget) is not { } factors)
                return null;
            foreach (var (number, count) in factors)
                sum = Scalar.Add(sum, LogarithmOf(Scalar.Of((Rational)number), count * sign, budget), budget);
        }

        foreach (var (atom, exponent) in term.Monomial.Factors)
        {
            var logarithm = atom.Kind == AtomKind.E ? Scalar.Of(exponent)
                : IsPower(atom) ? Scalar.Multiply(Scalar.Multiply(Logarithm(atom.Arguments[0], budget), atom.Arguments[1], budget),
                    Scalar.Of(exponent), budget)
                : LogarithmOf(atom.Kind == AtomKind.Number ? Scalar.Of((Rational)atom.Number) : Scalar.Of(atom), exponent, budget);
            sum = Scalar.Add(sum, logarithm, budget);
        }

        return sum;
    }

    /// <summary>n over k for whole numbers up to 1000; otherwise a function.</summary>
    public static Scalar? Binomial(Scalar? n, Scalar? k, Budget budget)
    {
        if (n is null || k is null)
            return null;
        if (n.AsRational is not { IsInteger: true, Sign: >= 0 } above || k.AsRational is not { IsInteger: true, Sign: >= 0 } below)
            return k.AsRational is { IsInteger: true, Sign: >= 0 } few && few.Numerator <= LargestExpanded && !n.IsConstant
                ? Expanded(n, (int)few.Numerator, budget)
                : Scalar.OfFunction(budget, "binomial", n, k);
        if (below.Numerator > above.Numerator)
            return Scalar.Zero;
        if (above.Numerator > LargestFactorial || !budget.Spend(8 * LargestFactorial))
        {
            budget.Refuse();
            return null;
        }

        var result = BigInteger.One;
        for (var i = 1; i <= (int)below.Numerator; i++)
            result = result * (above.Numerator - below.Numerator + i) / i;
        return Scalar.Of((Rational)result);
    }

    // n (n - 1) ... (n - k + 1) / k!
    private static Scalar? Expanded(Scalar n, int k, Budget budget)
    {
        Scalar? product = Scalar.One;
        for (var i = 0; i < k; i++)
            product = Scalar.Multiply(
                product,
                Scalar.Divide(Scalar.Subtract(n, Scalar.Of(new Rational(i, 1)), budget), Scalar.Of(new Rational(i + 1, 1)), budget),
                budget);
        return product;
    }

    private static bool IsPower(Atom atom) =>
        atom is { Kind: AtomKind.Function, Name: "pow" } && atom.Arguments[0].AsRational is { Sign: > 0 };

    private static Scalar? LogarithmOf(Scalar argument, Rational factor, Budget budget) =>
        Scalar.Multiply(Scalar.OfFunction(budget, "ln", argument), Scalar.Of(factor), budget);

    private static Scalar? Absolute(Scalar argument, Budget budget)
    {
        if (argument.AsRational is { } rational)
            return Scalar.Of(rational.Abs());
        if (argument.IsInfinite)
            return Scalar.Infinity;
        if (argument.IsConstant)
        {
            if (Numeric.Sign(argument.Numerator, budget) is { } above and not 0
                && Numeric.Sign(argument.Denominator, budget) is { } below and not 0)
                return above == below ? argument : argument.Negated();
            // |a + b i| = sqrt(a^2 + b^2)
            if (Conjugate(argument, budget) is { } conjugate)
                return Powers.Root(Scalar.Multiply(argument, conjugate, budget), Rational.Half, budget);
        }

        var leading = argument.Numerator.Terms[0].Coefficient.Sign < 0 ? argument.Negated() : argument;
        return Scalar.OfFunction(budget, "abs", leading);
    }

    private static Scalar? Conjugate(Scalar value, Budget budget)
    {
        if (!value.Denominator.IsOne || !value.Numerator.IsIndependent)
            return null;
        var parts = new List<Polynomial>();
        foreach (var term in value.Numerator.Terms)
            parts.Add(Polynomial.Of(term.Monomial.ExponentOf(Atom.I).IsOne ? -term.Coefficient : term.Coefficient, term.Monomial));
        return Scalar.Of(Polynomial.Sum(parts, budget));
    }

    private static Scalar? Rounded(Scalar argument, string name, Budget budget)
    {
        if (argument.AsRational is { } rational)
            return Scalar.Of((Rational)rational.Floor());
        if (argument.IsInfinite)
            return null;
        // Only where the value is clearly between two integers.
        return Numeric.Floor(argument, budget) is { } floor
            ? Scalar.Of((Rational)floor) : Scalar.OfFunction(budget, name, argument);
    }

    private static Scalar? Factorial(Scalar argument, Budget budget)
    {
        if (argument.AsRational is not { } value)
            return argument.IsInfinite ? null : Scalar.OfFunction(budget, "factorial", argument);
        if (!value.IsInteger || value.Sign < 0)
            return null;
        if (value.Numerator > LargestFactorial || !budget.Spend(8 * LargestFactorial))
        {
            budget.Refuse();
            return null;
        }

        var product = BigInteger.One;
        for (var i = 2; i <= (int)value.Numerator; i++)
            product *= i;
        return Scalar.Of((Rational)product);
    }
}
