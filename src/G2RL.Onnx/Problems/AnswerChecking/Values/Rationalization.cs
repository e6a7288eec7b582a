namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Takes square roots of numbers and i out of denominators, one conjugate after the other.</summary>
internal static class Rationalization
{
    private const int MostAtoms = 5;
    private const int MostTerms = 16;

    /// <summary>Rewrites the quotient; false when the budget is spent. Longer denominators stay as they are.</summary>
    public static bool Clear(ref Polynomial numerator, ref Polynomial denominator, Budget budget)
    {
        for (var round = 0; round < MostAtoms && denominator.Terms.Length is > 1 and <= MostTerms; round++)
        {
            if (numerator.Terms.Length > MostTerms * 4 || SurdOf(denominator) is not { } surd)
                return true;
            // denominator = a + b, where b is what has the surd as a factor; a - b is its conjugate, and the product has no surd.
            var parts = new List<Polynomial>();
            foreach (var term in denominator.Terms)
                parts.Add(Polynomial.Of(term.Monomial.ExponentOf(surd).IsZero ? term.Coefficient : -term.Coefficient, term.Monomial));
            var conjugate = Polynomial.Sum(parts, budget);
            var (above, below) = (Polynomial.Multiply(numerator, conjugate, budget), Polynomial.Multiply(denominator, conjugate, budget));
            if (above is null || below is null)
                return false;
            if (below.IsZero)
                return true;
            (numerator, denominator) = (above, below);
        }

        return true;
    }

    private static Atom? SurdOf(Polynomial denominator)
    {
        foreach (var term in denominator.Terms)
        {
            foreach (var (atom, exponent) in term.Monomial.Factors)
            {
                if ((atom.Kind == AtomKind.I || (atom.Kind == AtomKind.Number && exponent == Rational.Half))
                    && IsSquareEverywhere(denominator, atom))
                    return atom;
            }
        }

        return null;
    }

    private static bool IsSquareEverywhere(Polynomial polynomial, Atom atom)
    {
        foreach (var term in polynomial.Terms)
        {
            var exponent = term.Monomial.ExponentOf(atom);
            if (!(exponent.IsZero || (atom.Kind == AtomKind.I ? exponent.IsOne : exponent == Rational.Half)))
                return false;
        }

        return true;
    }
}
