using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Powers and roots. Odd roots of negative numbers are the real ones, as in school; other powers of negatives take the principal
/// value.</summary>
internal static class Powers
{
    private const int LargestExpansion = 400;
    private const int LargestExponentBits = 128;

    /// <summary>base ^ exponent, or null: 0^0, a negative power of 0, or too large.</summary>
    public static Scalar? Raise(Scalar? value, Scalar? exponent, Budget budget)
    {
        if (value is null || exponent is null || !budget.Spend(4))
            return null;
        if (value.IsInfinite || exponent.IsInfinite)
            return null;
        if (exponent.AsRational is { } rational)
            return rational.IsInteger ? Whole(value, rational.Numerator, budget) : Fractional(value, rational, budget);
        return Symbolic(value, exponent, budget);
    }

    /// <summary>Above and below the line, with (a/b)^r = a^r / b^r and ln(a/b) = ln a - ln b; null where that may be false.</summary>
    /// <remarks>It holds for a positive b, and for a positive a where b alone varies: both sides are real at the same places.</remarks>
    public static (Polynomial Above, Polynomial Below)? Parts(Scalar quotient, Budget budget)
    {
        var (a, b) = Numeric.Sign(quotient.Numerator, budget) == -1
            ? (quotient.Numerator.Times(-1), quotient.Denominator.Times(-1))
            : (quotient.Numerator, quotient.Denominator);
        return Numeric.Sign(b.IsConstant ? b : a, budget) == 1 ? (a, b) : null;
    }

    public static Scalar? Root(Scalar? value, Rational exponent, Budget budget) =>
        value is null || value.IsInfinite ? null : Fractional(value, exponent, budget);

    private static Scalar? Whole(Scalar value, BigInteger exponent, Budget budget)
    {
        if (exponent.IsZero)
            return value.Numerator.IsZero ? null : Scalar.One;
        if (value.Numerator.IsZero)
            return exponent.Sign > 0 ? Scalar.Zero : null;
        if (exponent.IsOne)
            return value;
        if (exponent.GetBitLength() > LargestExponentBits)
        {
            budget.Refuse();
            return null;
        }

        if (value.Denominator.IsOne && value.Numerator.Terms.Length == 1)
            return Scalar.Of(OfTerm(value.Numerator.Terms[0], exponent, budget));
        var size = BigInteger.Abs(exponent);
        if (size > LargestExpansion)
        {
            budget.Refuse();
            return null;
        }

        var above = Polynomial.Power(value.Numerator, (int)size, budget);
        var below = Polynomial.Power(value.Denominator, (int)size, budget);
        return exponent.Sign > 0 ? Scalar.Of(above, below, budget) : Scalar.Of(below, above, budget);
    }

    private static Polynomial? OfTerm(Term term, BigInteger exponent, Budget budget)
    {
        var monomial = term.Monomial.Raised(exponent);
        var size = term.Coefficient.Bits * BigInteger.Abs(exponent);
        if (term.Coefficient.Abs().IsOne || size <= Budget.MaxBits)
        {
            if (term.Coefficient.Abs().IsOne)
                return Reduction.Reduce(exponent.IsEven ? Rational.One : term.Coefficient, monomial, budget);
            if (!budget.SpendBits((long)size))
                return null;
            var count = (int)BigInteger.Abs(exponent);
            var power = new Rational(BigInteger.Pow(term.Coefficient.Numerator, count),
                BigInteger.Pow(term.Coefficient.Denominator, count));
            return Reduction.Reduce(exponent.Sign > 0 ? power : power.Inverse(), monomial, budget);
        }

        // Too large to be written out: it stays a product of powers of primes.
        var sign = term.Coefficient.Sign < 0 && !exponent.IsEven ? -1 : 1;
        return OfNumber(term.Coefficient.Abs(), exponent, budget) is { } primes
            ? Polynomial.Multiply(Polynomial.Of(sign, primes), Polynomial.Of(Rational.One, monomial), budget)
            : null;
    }

    /// <summary>A positive rational to a rational power, as a product of powers of primes.</summary>
    private static Monomial? OfNumber(Rational value, Rational exponent, Budget budget)
    {
        var product = Monomial.One;
        foreach (var (part, sign) in new[] { (value.Numerator, 1), (value.Denominator, -1) })
        {
            if (Factors.Of(part, budget) is not { } factors)
                return null;
            foreach (var (number, power) in factors)
                product = Monomial.Multiply(product, Monomial.Of(Atom.OfNumber(number), exponent * power * sign));
        }

        return product;
    }

    private static Scalar? Fractional(Scalar value, Rational exponent, Budget budget)
    {
        if (value.Numerator.IsZero)
            return exponent.Sign > 0 ? Scalar.Zero : null;
        if (value.AsRational is { } rational)
            return OfRational(rational, exponent, budget);
        if (!value.Denominator.IsOne)
        {
            return Parts(value, budget) is var (above, below)
                ? Scalar.Divide(OfPolynomial(above, exponent, budget), OfPolynomial(below, exponent, budget), budget)
                : Scalar.OfFunction(budget, "pow", value, Scalar.Of(exponent));
        }

        return OfPolynomial(value.Numerator, exponent, budget);
    }

    private static Scalar? OfRational(Rational value, Rational exponent, Budget budget)
    {
        if (OfNumber(value.Abs(), exponent, budget) is not { } product)
            return null;
        var size = Reduction.Reduce(Rational.One, product, budget);
        if (value.Sign > 0)
            return Scalar.Of(size);
        if (!exponent.Denominator.IsEven)
            return Scalar.Of(exponent.Numerator.IsEven ? size : size?.Times(-1));
        return exponent.Denominator == 2
            ? Scalar.Of(Polynomial.Multiply(size, Reduction.Reduce(Rational.One, Monomial.Of(Atom.I, exponent.Numerator), budget), budget))
            : Scalar.OfFunction(budget, "pow", Scalar.Of(value), Scalar.Of(exponent));
    }

    private static Scalar? OfPolynomial(Polynomial value, Rational exponent, Budget budget)
    {
        if (value.AsRational is { } rational)
            return OfRational(rational, exponent, budget);
        if (value.Terms.Length == 1 && value.Terms[0].Coefficient.Sign > 0 && CanSplit(value.Terms[0].Monomial))
        {
            var term = value.Terms[0];
            return OfNumber(term.Coefficient, exponent, budget) is { } number
                ? Scalar.Of(Reduction.Reduce(Rational.One, Monomial.Multiply(number, term.Monomial.Raised(exponent)), budget))
                : null;
        }

        var content = value.Content();
        if (Atom.OfRoot(budget, value.Times(content.Inverse())) is not { } atom)
            return null;
        var root = Monomial.Of(atom, exponent);
        return OfNumber(content, exponent, budget) is { } outside
            ? Scalar.Of(Reduction.Reduce(Rational.One, Monomial.Multiply(outside, root), budget))
            : null;
    }

    // (x y)^r = x^r y^r when all but one of the factors are positive, and (x^n)^r = x^(n r) when x is, or n is 1.
    private static bool CanSplit(Monomial monomial)
    {
        var unknown = 0;
        foreach (var (atom, exponent) in monomial.Factors)
        {
            if (!atom.IsPositive && (!exponent.IsOne || ++unknown > 1))
                return false;
        }

        return true;
    }

    private static Scalar? Symbolic(Scalar value, Scalar exponent, Budget budget)
    {
        if (value.AsRational is { IsOne: true })
            return Scalar.One;
        if (value.Numerator.IsZero)
            return null;
        if (!exponent.Denominator.IsOne)
            return Scalar.OfFunction(budget, "pow", value, exponent);
        // b^(p x + q y) = (b^x)^p (b^y)^q for positive b; for others only whole p and q may be taken out.
        var product = Scalar.One;
        foreach (var term in exponent.Numerator.Terms)
        {
            var factor = term.Monomial.IsOne
                ? Raise(value, Scalar.Of(term.Coefficient), budget)
                : OfVaryingTerm(value, term, budget);
            product = Scalar.Multiply(product, factor, budget);
        }

        return product;
    }

    private static Scalar? OfVaryingTerm(Scalar value, Term term, Budget budget)
    {
        if (value.Key == Scalar.E.Key && Trigonometry.UnitCircle(term, budget) is { } onCircle)
            return onCircle;
        var bases = new List<(Scalar, Rational)>();
        if (value.AsRational is { Sign: > 0 } rational)
        {
            foreach (var (part, sign) in new[] { (rational.Numerator, 1), (rational.Denominator, -1) })
            {
                if (Factors.Of(part, budget) is not { } factors)
                    return null;
                bases.AddRange(factors.Select(f => (Scalar.Of((Rational)f.Base), (Rational)(f.Exponent * sign))));
            }
        }
        else if (value.Key == Scalar.E.Key)
        {
            bases.Add((value, Rational.One));
        }
        else
        {
            var (outer, inner) = term.Coefficient.IsInteger ? (term.Coefficient, Rational.One) : (Rational.One, term.Coefficient);
            return Atom.OfFunction(budget, "pow", value, Scalar.Of(Polynomial.Of(inner, term.Monomial))!) is { } power
                ? Scalar.Of(Reduction.Reduce(Rational.One, Monomial.Of(power, outer), budget))
                : null;
        }

        var exponent = Scalar.Of(Polynomial.Of(Rational.One, term.Monomial))!;
        var product = Monomial.One;
        foreach (var (number, count) in bases)
        {
            if (Atom.OfFunction(budget, "pow", number, exponent) is not { } power)
                return null;
            product = Monomial.Multiply(product, Monomial.Of(power, term.Coefficient * count));
        }

        return Scalar.Of(Reduction.Reduce(Rational.One, product, budget));
    }
}
