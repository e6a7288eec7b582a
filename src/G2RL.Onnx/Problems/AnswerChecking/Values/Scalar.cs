namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>A quotient of two polynomials: every number and symbolic expression that has an exact form here. Operations return null when
/// it has none.</summary>
internal sealed class Scalar
{
    public static readonly Scalar Zero = new(Polynomial.Zero, Polynomial.One);
    public static readonly Scalar One = new(Polynomial.One, Polynomial.One);
    public static readonly Scalar I = Of(Atom.I);
    public static readonly Scalar Pi = Of(Atom.Pi);
    public static readonly Scalar E = Of(Atom.E);
    public static readonly Scalar Infinity = Of(Atom.OfSymbol("infinity"));

    private string? key;

    private Scalar(Polynomial numerator, Polynomial denominator) => (Numerator, Denominator) = (numerator, denominator);

    public Polynomial Numerator { get; }

    /// <summary>Never zero as a normal form; 1 whenever a monomial would do.</summary>
    public Polynomial Denominator { get; }

    /// <summary>Canonical text.</summary>
    public string Key => key ??= Denominator.IsOne ? Numerator.Key : $"[{Numerator.Key}]/[{Denominator.Key}]";

    public bool IsConstant => Numerator.IsConstant && Denominator.IsConstant;

    public bool IsInfinite =>
        Denominator.IsOne && Numerator.Terms.Length == 1 && Numerator.Terms[0].Monomial.Equals(Infinity.Numerator.Terms[0].Monomial);

    /// <summary>Its value when it is a rational number.</summary>
    public Rational? AsRational => Denominator.IsOne ? Numerator.AsRational : null;

    public static Scalar Of(Rational value) => new(Polynomial.Of(value), Polynomial.One);

    /// <summary>A function that has no simpler form; null when its arguments are too long to be told apart at a bounded cost.</summary>
    public static Scalar? OfFunction(Budget budget, string name, params Scalar[] arguments) =>
        Atom.OfFunction(budget, name, arguments) is { } atom ? Of(atom) : null;

    public static Scalar Of(Atom atom) => new(Polynomial.Of(Rational.One, Monomial.Of(atom, Rational.One)), Polynomial.One);

    public static Scalar? Of(Polynomial? numerator) => numerator is null ? null : new(numerator, Polynomial.One);

    /// <summary>The quotient in normal form: a denominator of one term goes into the numerator, square roots and i leave the
    /// denominator.</summary>
    public static Scalar? Of(Polynomial? numerator, Polynomial? denominator, Budget budget)
    {
        if (numerator is null || denominator is null || denominator.IsZero)
            return null;
        if (numerator.IsZero)
            return Zero;
        if (!Rationalization.Clear(ref numerator, ref denominator, budget))
            return null;
        if (denominator.Terms.Length == 1)
        {
            var term = denominator.Terms[0];
            var inverse = Reduction.Reduce(term.Coefficient.Inverse(), term.Monomial.Raised(-1), budget);
            return Of(Polynomial.Multiply(numerator, inverse, budget));
        }

        var content = denominator.Content();
        if (denominator.Terms[0].Coefficient.Sign < 0)
            content = -content;
        var factor = content.Inverse();
        return new(numerator.Times(factor), denominator.Times(factor));
    }

    public static Scalar? Add(Scalar? a, Scalar? b, Budget budget)
    {
        if (a is null || b is null)
            return null;
        if (a.Denominator.Key == b.Denominator.Key)
        {
            var sum = Polynomial.Add(a.Numerator, b.Numerator, budget);
            return a.Denominator.IsOne ? Of(sum) : Of(sum, a.Denominator, budget);
        }

        return Of(
            Polynomial.Add(Polynomial.Multiply(a.Numerator, b.Denominator, budget),
                Polynomial.Multiply(b.Numerator, a.Denominator, budget), budget),
            Polynomial.Multiply(a.Denominator, b.Denominator, budget),
            budget);
    }

    public static Scalar? Subtract(Scalar? a, Scalar? b, Budget budget) => Add(a, b?.Negated(), budget);

    public static Scalar? Multiply(Scalar? a, Scalar? b, Budget budget)
    {
        if (a is null || b is null)
            return null;
        var numerator = Polynomial.Multiply(a.Numerator, b.Numerator, budget);
        return a.Denominator.IsOne && b.Denominator.IsOne
            ? Of(numerator)
            : Of(numerator, Polynomial.Multiply(a.Denominator, b.Denominator, budget), budget);
    }

    /// <summary>The quotient; null when <paramref name="b"/> is zero.</summary>
    public static Scalar? Divide(Scalar? a, Scalar? b, Budget budget) => a is null || b is null
        ? null
        : Of(Polynomial.Multiply(a.Numerator, b.Denominator, budget), Polynomial.Multiply(a.Denominator, b.Numerator, budget), budget);

    /// <summary>Times a rational, which must not be zero.</summary>
    public Scalar Times(Rational factor) => new(Numerator.Times(factor), Denominator);

    public Scalar Negated() => Times(-1);
}
