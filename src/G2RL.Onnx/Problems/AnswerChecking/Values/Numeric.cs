using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>
/// Values in double precision at fixed points: evidence where no normal form decides. A sum counts as zero when it is below
/// <see cref="Tolerance"/> times the sum of its terms' magnitudes, at every point where it has a value, and at three points at least.
/// </summary>
internal static class Numeric
{
    /// <summary>Relative to the terms that cancel. Double precision leaves 1e-13 or so of a short sum; 1e-10 is far from both chance and
    /// rounding.</summary>
    public const double Tolerance = 1e-10;

    /// <summary>What the two sides may differ by, relative to the larger. Coarser than <see cref="Tolerance"/>, for a side may lose
    /// digits; what is lost in cancelling terms is of any size.</summary>
    private const double SideTolerance = 1e-6;

    /// <summary>What double precision may leave of a short sum, relative to its terms.</summary>
    private const double RoundingError = 1e-13;

    /// <summary>Below it doubles begin to lose digits.</summary>
    private const double Smallest = 1e-280;

    private const int NearPoints = 8;
    private const int FarPoints = 6;
    private const int Enough = 3;

    /// <summary>Whether a polynomial is zero; null when it cannot be told.</summary>
    /// <param name="polynomial">The polynomial.</param>
    /// <param name="evidence">Whether values at points may decide; otherwise only what is provable does.</param>
    /// <param name="budget">Pays for it.</param>
    public static bool? IsZero(Polynomial? polynomial, bool evidence, Budget budget)
    {
        if (polynomial is null)
            return null;
        if (polynomial.IsZero)
            return true;
        if (polynomial.IsIndependent)
            return false;
        if (polynomial.Terms.Length == 1)
            return IsZero(polynomial.Terms[0], evidence, budget);
        var (points, enough) = polynomial.IsConstant ? (1, 1) : (NearPoints, Enough);
        var seen = 0;
        for (var point = 0; point < points; point++)
        {
            if (Sum(polynomial, point, budget) is not { } sum)
                continue;
            if (!Vanishes(sum, Tolerance))
                return false;
            seen++;
        }

        if (!polynomial.IsConstant && !VanishesFarOut(polynomial, budget))
            return false;
        if (budget.Exhausted || seen < enough)
            return null;
        return evidence;
    }

    /// <summary>Whether two polynomials are equal; null when it cannot be told. Unlike their difference, they show what is lost where
    /// large terms cancel: 10^20 (sin^2 x + cos^2 x - 1) is not 42.</summary>
    public static bool? AreEqual(Polynomial? a, Polynomial? b, bool evidence, Budget budget)
    {
        var difference = Polynomial.Subtract(a, b, budget);
        var isZero = IsZero(difference, evidence, budget);
        if (isZero is not true || difference!.IsZero || a!.IsZero || b!.IsZero)
            return isZero;
        return SidesAgree(a, b, budget) ? true : null;
    }

    /// <summary>Whether it is shown to differ from zero, so that one may divide by it.</summary>
    public static bool IsDivisor(Polynomial polynomial, Budget budget) => IsZero(polynomial, evidence: true, budget) is false;

    // A product is zero where a factor is.
    private static bool? IsZero(Term term, bool evidence, Budget budget)
    {
        bool? isZero = false;
        foreach (var (atom, exponent) in term.Monomial.Factors)
        {
            var isFactorZero = IsZero(atom, evidence, budget);
            if (isFactorZero is true && exponent.Sign > 0)
                return true;
            if (isFactorZero is not false)
                isZero = null;
        }

        return isZero;
    }

    private static bool? IsZero(Atom atom, bool evidence, Budget budget) => atom switch
    {
        { Kind: AtomKind.Root } => IsZero(atom.Radicand, evidence, budget),
        { Kind: AtomKind.Function, Name: "ln", Arguments: [var argument] } when IsDivisor(argument.Denominator, budget) =>
            AreEqual(argument.Numerator, argument.Denominator, evidence, budget),
        { Kind: AtomKind.Function, Name: "abs", Arguments: [var argument] } when IsDivisor(argument.Denominator, budget) =>
            IsZero(argument.Numerator, evidence, budget),
        _ => false,
    };

    private static bool Vanishes((Complex Value, double Size) sum, double tolerance) =>
        sum.Size > 0 && Complex.Abs(sum.Value) <= tolerance * sum.Size;

    // Far points only refute: functions lose digits there, so the tolerance is coarse, and what has run out of exponents says nothing.
    private static bool VanishesFarOut(Polynomial polynomial, Budget budget)
    {
        for (var point = NearPoints; point < NearPoints + FarPoints; point++)
        {
            if (Sum(polynomial, point, budget) is { Size: > Smallest } sum && !Vanishes(sum, SideTolerance))
                return false;
        }

        return true;
    }

    private static bool SidesAgree(Polynomial a, Polynomial b, Budget budget)
    {
        for (var point = 0; point < (a.IsConstant && b.IsConstant ? 1 : NearPoints); point++)
        {
            if (Sum(a, point, budget) is not { } left || Sum(b, point, budget) is not { } right)
                continue;
            var larger = Math.Max(Complex.Abs(left.Value), Complex.Abs(right.Value));
            if (Complex.Abs(left.Value - right.Value) > SideTolerance * larger)
                return false;
        }

        return true;
    }

    /// <summary>-1, 0 or 1; null when the value is not real, is too near zero to tell, or varies.</summary>
    public static int? Sign(Polynomial polynomial, Budget budget)
    {
        if (polynomial.AsRational is { } rational)
            return rational.Sign;
        if (!polynomial.IsConstant || Sum(polynomial, 0, budget) is not { } sum)
            return null;
        if (Math.Abs(sum.Value.Imaginary) > Tolerance * sum.Size || Math.Abs(sum.Value.Real) < 1e-9 * sum.Size)
            return null;
        return Math.Sign(sum.Value.Real);
    }

    /// <summary>The integer below a real constant; null where rounding could reach another.</summary>
    public static BigInteger? Floor(Scalar scalar, Budget budget)
    {
        if (!scalar.IsConstant || Sum(scalar.Numerator, 0, budget) is not { } above || Sum(scalar.Denominator, 0, budget) is not { } below
            || Vanishes(below, Tolerance) || Finite(above.Value / below.Value) is not { Imaginary: 0, Real: var real })
            return null;
        var divisor = Complex.Abs(below.Value);
        var error = RoundingError * (above.Size + (Math.Abs(real) * below.Size)) / divisor;
        return Math.Abs(real - Math.Round(real)) > 1e-6 + error ? (BigInteger)Math.Floor(real) : null;
    }

    /// <summary>The value at a point; null when there is none, or it is not finite.</summary>
    public static Complex? Value(Scalar scalar, int point, Budget budget)
    {
        if (Sum(scalar.Numerator, point, budget) is not { } above || Sum(scalar.Denominator, point, budget) is not { } below)
            return null;
        // What is left where the terms below cancel is noise.
        return Vanishes(below, Tolerance) ? null : Finite(above.Value / below.Value);
    }

    /// <summary>The real value of a constant; null when it is not real and finite.</summary>
    public static double? Real(Scalar scalar, Budget budget) => scalar.IsConstant && Value(scalar, 0, budget) is { } value
        && Math.Abs(value.Imaginary) <= Tolerance * Complex.Abs(value)
            ? value.Real
            : null;

    private static (Complex Value, double Size)? Sum(Polynomial polynomial, int point, Budget budget)
    {
        Complex value = 0;
        var size = 0.0;
        foreach (var term in polynomial.Terms)
        {
            Complex product = term.Coefficient.ToDouble();
            foreach (var (atom, exponent) in term.Monomial.Factors)
            {
                if (!budget.Spend(2) || Of(atom, point, budget) is not { } factor)
                    return null;
                product *= Power(factor, exponent);
            }

            value += product;
            size += Complex.Abs(product);
        }

        return double.IsFinite(size) && Finite(value) is not null ? (value, size) : null;
    }

    private static Complex? Of(Atom atom, int point, Budget budget) => atom.Kind switch
    {
        AtomKind.Number => (double)atom.Number,
        AtomKind.Pi => Math.PI,
        AtomKind.E => Math.E,
        AtomKind.I => Complex.ImaginaryOne,
        AtomKind.Symbol => atom.Name == "infinity" ? null : Coordinate(atom.Name, point),
        AtomKind.Root => Sum(atom.Radicand!, point, budget)?.Value,
        _ => Function(atom, point, budget),
    };

    private static Complex? Function(Atom atom, int point, Budget budget)
    {
        var arguments = new Complex[atom.Arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
        {
            if (Value(atom.Arguments[i], point, budget) is not { } value)
                return null;
            // The imaginary zero of a quotient may be negative, which would put a negative constant below the cut of roots and logarithms.
            arguments[i] = atom.Arguments[i].IsConstant ? new(value.Real, value.Imaginary + 0.0) : value;
        }

        var argument = arguments[0];
        switch (atom.Name)
        {
            case "sin":
                return Finite(Complex.Sin(argument));
            case "cos":
                return Finite(Complex.Cos(argument));
            case "ln":
                return Finite(Complex.Log(argument));
            case "abs":
                return Complex.Abs(argument);
            case "arcsin":
                return Finite(Complex.Asin(argument));
            case "arccos":
                // Beyond 1, too, it is what is left to a right angle.
                return Finite((Math.PI / 2) - Complex.Asin(argument));
            case "arctan":
                return Finite(Complex.Atan(argument));
            case "pow":
                return Finite(Complex.Exp(arguments[1] * Complex.Log(argument)));
            default:
                // Nothing is known of it, so it may be anything: the same for the same arguments, and different for others.
                return Coordinate(atom.Name + string.Concat(arguments.Select(a => $":{a.Real:G9}:{a.Imaginary:G9}")), point);
        }
    }

    // Odd roots of negative reals are real; everything else takes the principal value.
    private static Complex Power(Complex value, Rational exponent)
    {
        if (exponent.IsInteger)
            return Whole(value, exponent.Numerator);
        if (value.Imaginary == 0 && value.Real < 0 && !exponent.Denominator.IsEven)
            return (exponent.Numerator.IsEven ? 1 : -1) * Math.Pow(-value.Real, exponent.ToDouble());
        return value == 0 ? 0 : Complex.Exp(exponent.ToDouble() * Complex.Log(value));
    }

    private static Complex Whole(Complex value, BigInteger exponent)
    {
        if (BigInteger.Abs(exponent) > 4096)
            return Complex.Exp((double)exponent * Complex.Log(value));
        var result = Complex.One;
        for (var count = (int)BigInteger.Abs(exponent); count > 0; count >>= 1, value *= value)
            result = (count & 1) == 1 ? result * value : result;
        return exponent.Sign < 0 ? 1 / result : result;
    }

    // Between 0.3 and 2.3 in magnitude at near points; negative at every second point or so. Farther out all are positive, all are
    // negative, or either. A pure function of name and point (FNV-1a).
    private static double Coordinate(string name, int point)
    {
        var hash = 14695981039346656037UL ^ (ulong)(point * 7919);
        foreach (var letter in name)
            hash = unchecked((hash ^ letter) * 1099511628211UL);
        hash = unchecked((hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93UL);
        hash ^= hash >> 29;
        var size = 0.3 + (2.0 * (hash >> 11) * Math.Pow(2, -53));
        var isEven = (hash & 1) == 0;
        if (point < NearPoints)
            return isEven || point % 4 == 0 ? size : -size;
        var (scale, kind) = ((point - NearPoints) / 3 == 0 ? 10 : 1_000, (point - NearPoints) % 3);
        return scale * (kind == 0 || (kind == 2 && isEven) ? size : -size);
    }

    private static Complex? Finite(Complex value) => double.IsFinite(value.Real) && double.IsFinite(value.Imaginary) ? value : null;
}
