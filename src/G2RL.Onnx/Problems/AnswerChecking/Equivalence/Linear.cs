namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Expressions slope * v + intercept in one thing that varies: a variable, f(x), |x|.</summary>
internal static class Linear
{
    /// <summary>The parts of a linear expression with constant coefficients; null when it is something else.</summary>
    public static (Scalar Variable, Scalar Slope, Scalar Intercept)? Of(Scalar expression, Budget budget)
    {
        if (!expression.Denominator.IsOne)
            return null;
        Atom? variable = null;
        var (slope, intercept) = (new List<Polynomial>(), new List<Polynomial>());
        foreach (var term in expression.Numerator.Terms)
        {
            Atom? found = null;
            foreach (var (atom, exponent) in term.Monomial.Factors)
            {
                if (!Monomial.HasSymbol(atom))
                    continue;
                if (found is not null || !exponent.IsOne || (variable is not null && !variable.Equals(atom)))
                    return null;
                found = atom;
            }

            variable ??= found;
            (found is null ? intercept
                : slope).Add(Polynomial.Of(term.Coefficient, found is null ? term.Monomial : term.Monomial.Without(found)));
        }

        if (variable is null || variable.Name == "infinity")
            return null;
        return Scalar.Of(Polynomial.Sum(slope, budget)) is { } a && Scalar.Of(Polynomial.Sum(intercept, budget)) is { } b
            ? (Scalar.Of(variable), a, b) : null;
    }

    /// <summary>A set of values of |v| as the set of v; others as they are.</summary>
    public static (Scalar Name, RealSetValue Set)? UnfoldAbsolute(Scalar name, RealSetValue set, Budget budget)
    {
        var atom = name.Numerator.Terms[0].Monomial.Factors[0].Atom;
        if (atom is not { Kind: AtomKind.Function, Name: "abs" } || Of(atom.Arguments[0], budget) is not { } inner)
            return (name, set);
        var positive = RealSets.Intersection(set, new([new(Scalar.Zero, true, Scalar.Infinity, false)]), budget);
        if (positive is null)
            return null;
        var parts = new List<Interval>();
        foreach (var part in positive.Intervals)
        {
            foreach (var sign in new[] { 1, -1 })
            {
                var low = Shift(sign > 0 ? part.Low : part.High.Negated());
                var high = Shift(sign > 0 ? part.High : part.Low.Negated());
                if (low is null || high is null)
                    return null;
                var (lowClosed, highClosed) = sign > 0 ? (part.LowClosed, part.HighClosed) : (part.HighClosed, part.LowClosed);
                parts.Add(Numeric.Sign(inner.Slope.Numerator, budget) < 0 ? new(high, highClosed, low, lowClosed)
                    : new(low, lowClosed, high, highClosed));
            }
        }

        return RealSets.Normal(parts, budget) is { } unfolded ? (inner.Variable, unfolded) : null;

        // slope v + intercept = u, so v = (u - intercept) / slope.
        Scalar? Shift(Scalar u)
        {
            if (!u.IsInfinite)
                return Scalar.Divide(Scalar.Subtract(u, inner.Intercept, budget), inner.Slope, budget);
            return Numeric.Sign(inner.Slope.Numerator, budget) < 0 ? u.Negated() : u;
        }
    }
}
