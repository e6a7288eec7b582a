using System.Numerics;
using System.Text;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>A rational coefficient and a monomial.</summary>
internal readonly record struct Term(Rational Coefficient, Monomial Monomial);

/// <summary>
/// A sum of terms with different monomials, sorted, none of them zero: the normal form of sums and products of rationals, roots,
/// constants and
/// variables. Operations return null when the budget is spent.
/// </summary>
internal sealed class Polynomial
{
    public static readonly Polynomial Zero = new([]);
    public static readonly Polynomial One = Of(Rational.One);

    private readonly Term[] terms;
    private string? key;

    private Polynomial(Term[] terms) => this.terms = terms;

    public ReadOnlySpan<Term> Terms => terms;

    public bool IsZero => terms.Length == 0;

    public bool IsOne => terms.Length == 1 && terms[0].Monomial.IsOne && terms[0].Coefficient.IsOne;

    /// <summary>Whether it is a number that does not vary.</summary>
    public bool IsConstant => Array.TrueForAll(terms, t => t.Monomial.IsConstant);

    /// <summary>Whether it is zero only when it has no terms.</summary>
    public bool IsIndependent => Array.TrueForAll(terms, t => t.Monomial.IsIndependent);

    /// <summary>Its value when it is a rational number.</summary>
    public Rational? AsRational =>
        terms.Length == 0 ? Rational.Zero : terms.Length == 1 && terms[0].Monomial.IsOne ? terms[0].Coefficient : null;

    /// <summary>Canonical text.</summary>
    public string Key => key ??= Write();

    public static Polynomial Of(Rational value) => Of(value, Monomial.One);

    public static Polynomial Of(Rational coefficient, Monomial monomial) => coefficient.IsZero ? Zero : new([new(coefficient, monomial)]);

    public static Polynomial? Add(Polynomial? a, Polynomial? b, Budget budget)
    {
        if (a is null || b is null || !budget.Spend(1 + a.terms.Length + b.terms.Length))
            return null;
        if (a.IsZero)
            return b;
        if (b.IsZero)
            return a;
        var sum = new Term[a.terms.Length + b.terms.Length];
        int i = 0, j = 0, count = 0;
        while (i < a.terms.Length || j < b.terms.Length)
        {
            var order = i == a.terms.Length ? 1 : j == b.terms.Length ? -1 : a.terms[i].Monomial.Order(b.terms[j].Monomial);
            if (order != 0)
            {
                sum[count++] = order < 0 ? a.terms[i++] : b.terms[j++];
                continue;
            }

            var coefficient = a.terms[i].Coefficient + b.terms[j].Coefficient;
            if (!budget.SpendBits(coefficient.Bits) || coefficient.Bits > Budget.MaxBits * 2)
                return Refused(budget);
            if (!coefficient.IsZero)
                sum[count++] = new(coefficient, a.terms[i].Monomial);
            i++;
            j++;
        }

        return count > Budget.MaxTerms ? Refused(budget) : new(sum[..count]);
    }

    public static Polynomial? Subtract(Polynomial? a, Polynomial? b, Budget budget) => Add(a, b?.Times(-1), budget);

    public static Polynomial? Multiply(Polynomial? a, Polynomial? b, Budget budget)
    {
        if (a is null || b is null)
            return null;
        if (a.IsZero || b.IsOne)
            return a;
        if (b.IsZero || a.IsOne)
            return b;
        if (!budget.Spend(1 + (8L * a.terms.Length * b.terms.Length)))
            return null;
        var products = new List<Polynomial>(a.terms.Length * b.terms.Length);
        foreach (var x in a.terms)
        {
            foreach (var y in b.terms)
            {
                if (!budget.SpendBits(x.Coefficient.Bits + y.Coefficient.Bits))
                    return null;
                if (Reduction.Reduce(x.Coefficient * y.Coefficient, Monomial.Multiply(x.Monomial, y.Monomial), budget) is not { } product)
                    return null;
                products.Add(product);
            }
        }

        return Sum(products, budget);
    }

    public static Polynomial? Power(Polynomial? value, int exponent, Budget budget)
    {
        if (value is null)
            return null;
        var result = One;
        for (var square = value; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) == 1)
                result = Multiply(result, square, budget);
            if (result is null)
                return null;
            if (exponent > 1 && (square = Multiply(square, square, budget)) is null)
                return null;
        }

        return result;
    }

    /// <summary>The sum of many, by halves: adding them one after the other would be quadratic.</summary>
    public static Polynomial? Sum(List<Polynomial> parts, Budget budget)
    {
        if (parts.Count == 0)
            return Zero;
        for (var count = parts.Count; count > 1; count = (count + 1) / 2)
        {
            for (var i = 0; i < count / 2; i++)
            {
                if (Add(parts[2 * i], parts[(2 * i) + 1], budget) is not { } sum)
                    return null;
                parts[i] = sum;
            }

            if (count % 2 == 1)
                parts[count / 2] = parts[count - 1];
        }

        return parts[0];
    }

    /// <summary>Times a rational, which must not be zero.</summary>
    public Polynomial Times(Rational factor) =>
        factor.IsOne ? this : new(Array.ConvertAll(terms, t => t with { Coefficient = t.Coefficient * factor }));

    /// <summary>The positive rational that divides all coefficients and leaves coprime integers.</summary>
    public Rational Content()
    {
        BigInteger numerator = 0, denominator = 1;
        foreach (var term in terms)
        {
            numerator = BigInteger.GreatestCommonDivisor(numerator, term.Coefficient.Numerator);
            denominator = denominator / BigInteger.GreatestCommonDivisor(denominator,
                term.Coefficient.Denominator) * term.Coefficient.Denominator;
        }

        return new(numerator, denominator);
    }

    private static Polynomial? Refused(Budget budget)
    {
        budget.Refuse();
        return null;
    }

    private string Write()
    {
        if (terms.Length == 0)
            return "0";
        var text = new StringBuilder();
        foreach (var term in terms)
        {
            if (text.Length > 0)
                text.Append('+');
            text.Append(term.Coefficient);
            term.Monomial.Append(text);
        }

        return text.ToString();
    }
}
