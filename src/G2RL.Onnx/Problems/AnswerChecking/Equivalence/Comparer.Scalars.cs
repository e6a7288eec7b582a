using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Numbers, equations and inequalities.</summary>
internal sealed partial class Comparer
{
    /// <summary>Whether two exact values are equal: by their normal forms, and where those do not decide, by their values at fixed
    /// points.</summary>
    public bool? Same(Scalar a, Scalar b, bool evidence = true)
    {
        if (a.IsInfinite || b.IsInfinite)
            return a.Key == b.Key;
        if (!HaveValues(a, b))
            return null;
        return Numeric.AreEqual(
            Polynomial.Multiply(a.Numerator, b.Denominator, budget),
            Polynomial.Multiply(b.Numerator, a.Denominator, budget),
            evidence,
            budget);
    }

    // A denominator that may be a hidden zero would make everything equal to everything.
    private bool HaveValues(Scalar a, Scalar b) =>
        Numeric.IsDivisor(a.Denominator, budget) && Numeric.IsDivisor(b.Denominator, budget);

    private bool? Scalars(ScalarValue gold, ScalarValue answer)
    {
        if (Units.Factor(answer.Unit, gold.Unit) is not { } factor)
            return false;
        var (a, b) = (gold.Scalar, answer.Scalar.Times(factor));
        if (gold.IsPercent == answer.IsPercent)
            return Numbers(a, b, gold, answer);
        var hundredth = new Rational(1, 100);
        var (c, d) = gold.IsPercent ? (a.Times(hundredth), b) : (a, b.Times(hundredth));
        return rules.Percent switch
        {
            PercentRule.Ignored => Numbers(a, b, gold, answer),
            PercentRule.Hundredth => Numbers(c, d, gold, answer),
            _ => Numbers(a, b, gold, answer) is true ? true : Numbers(c, d, gold, answer),
        };
    }

    private bool? Numbers(Scalar a, Scalar b, ScalarValue gold, ScalarValue answer)
    {
        // A decimal may equal an irrational number only by rounding, which is for the rules to allow.
        var isDecimal = gold.IsDecimal || answer.IsDecimal;
        var same = Same(a, b, evidence: !(isDecimal && (a.AsRational is not null || b.AsRational is not null)));
        if (same is true || !isDecimal || rules.DecimalPlaces is not { } places)
            return same;
        if (Rounded(a, places) is { } x && Rounded(b, places) is { } y)
            return x == y;
        return Varying(a, b, places);
    }

    private BigInteger? Rounded(Scalar value, int places)
    {
        if (!value.IsConstant || value.IsInfinite)
            return null;
        var scale = BigInteger.Pow(10, places);
        if (value.AsRational is { } rational)
        {
            // To the nearest, ties to even.
            var scaled = rational * scale;
            var floor = scaled.Floor();
            var rest = (scaled - floor).Order(Rational.Half);
            return rest > 0 || (rest == 0 && !floor.IsEven) ? floor + 1 : floor;
        }

        return Numeric.Real(value, budget) is { } real && Math.Abs(real) < 1e15 / (double)scale
            ? (BigInteger)Math.Round(real * (double)scale) : null;
    }

    // 0.33 x and x/3 to two places: the same monomials, and coefficients that round to the same.
    private bool? Varying(Scalar a, Scalar b, int places)
    {
        if (!a.Denominator.IsOne || !b.Denominator.IsOne || a.Numerator.Terms.Length != b.Numerator.Terms.Length)
            return false;
        for (var i = 0; i < a.Numerator.Terms.Length; i++)
        {
            var (x, y) = (a.Numerator.Terms[i], b.Numerator.Terms[i]);
            if (!x.Monomial.Equals(y.Monomial) || Rounded(Scalar.Of(x.Coefficient), places) != Rounded(Scalar.Of(y.Coefficient), places))
                return false;
        }

        return true;
    }

    private bool? Equations(EquationValue gold, EquationValue answer) => Proportional(gold.Difference, answer.Difference) is not null;

    private bool? Inequalities(InequalityValue gold, InequalityValue answer)
    {
        if (gold.Conditions.Length != answer.Conditions.Length)
            return false;
        var left = answer.Conditions.Zip(answer.Lower).ToList();
        foreach (var ((difference, comparison), lower) in gold.Conditions.Zip(gold.Lower))
        {
            var at = left.FindIndex(c => c.First.Operator == comparison && Proportional(difference, c.First.Difference) is { } factor
                && (comparison is '=' or '≠' || factor > 0)
                && (!difference.IsConstant || IsSameOrder(difference, lower, c.First.Difference, c.Second)));
            if (at < 0)
                return false;
            left.RemoveAt(at);
        }

        return true;
    }

    // Between numbers there is nothing to solve, and every true order is as true as another: the numbers must be the same.
    private bool IsSameOrder(Scalar difference, Scalar lower, Scalar otherDifference, Scalar otherLower) =>
        Same(difference, otherDifference) is true && Same(lower, otherLower) is true;

    // The sign of the constant c with a = c b, over a common denominator; null when there is none.
    private int? Proportional(Scalar a, Scalar b)
    {
        if (a.Numerator.IsZero || b.Numerator.IsZero)
            return a.Numerator.IsZero && b.Numerator.IsZero ? 1 : null;
        if (!HaveValues(a, b))
            return null;
        if (Polynomial.Multiply(a.Numerator, b.Denominator, budget) is not { } above
            || Polynomial.Multiply(b.Numerator, a.Denominator, budget) is not { } below
            || Leading(above) is not { } x || Leading(below) is not { } y)
            return null;
        var (left, right) = (Polynomial.Multiply(above, y, budget), Polynomial.Multiply(below, x, budget));
        if (Numeric.AreEqual(left, right, evidence: true, budget) is not true)
            return null;
        return Numeric.Sign(x, budget) is { } p and not 0 && Numeric.Sign(y, budget) is { } q and not 0 ? p * q : null;
    }

    // What stands before the first varying monomial.
    private Polynomial? Leading(Polynomial polynomial)
    {
        Monomial? varying = null;
        var constants = new List<Polynomial>();
        foreach (var term in polynomial.Terms)
        {
            var part = term.Monomial.Where(Monomial.HasSymbol);
            if (part.IsOne && varying is null && !polynomial.IsConstant)
                continue;
            varying ??= part;
            if (part.Equals(varying))
                constants.Add(Polynomial.Of(term.Coefficient, term.Monomial.Where(a => !Monomial.HasSymbol(a))));
        }

        return Polynomial.Sum(constants, budget);
    }
}
