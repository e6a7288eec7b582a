using System.Numerics;
using System.Text;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>A product of atoms with rational exponents, sorted by atom; none is zero. Exponents may be negative.</summary>
internal sealed class Monomial : IEquatable<Monomial>
{
    public static readonly Monomial One = new([]);

    private readonly (Atom Atom, Rational Exponent)[] factors;

    public Monomial((Atom Atom, Rational Exponent)[] factors) => this.factors = factors;

    public ReadOnlySpan<(Atom Atom, Rational Exponent)> Factors => factors;

    public bool IsOne => factors.Length == 0;

    /// <summary>Whether nothing in it varies.</summary>
    public bool IsConstant => Array.TrueForAll(factors, f => !HasSymbol(f.Atom));

    /// <summary>Whether monomials made of its atoms are linearly independent.</summary>
    public bool IsIndependent => Array.TrueForAll(factors, f => f.Atom.IsIndependent);

    public static Monomial Of(Atom atom, Rational exponent) => exponent.IsZero ? One : new([(atom, exponent)]);

    public static bool HasSymbol(Atom atom) => atom.Kind switch
    {
        AtomKind.Symbol => true,
        AtomKind.Root => !atom.Radicand!.IsConstant,
        AtomKind.Function => Array.Exists(atom.Arguments, a => !a.IsConstant),
        _ => false,
    };

    /// <summary>The product with exponents added, before <see cref="Reduction"/> takes out what has become rational.</summary>
    public static Monomial Multiply(Monomial a, Monomial b)
    {
        if (a.IsOne)
            return b;
        if (b.IsOne)
            return a;
        var product = new (Atom, Rational)[a.factors.Length + b.factors.Length];
        int i = 0, j = 0, count = 0;
        while (i < a.factors.Length || j < b.factors.Length)
        {
            var order = i == a.factors.Length ? 1 : j == b.factors.Length ? -1 : a.factors[i].Atom.Order(b.factors[j].Atom);
            var factor = order < 0 ? a.factors[i++] : order > 0 ? b.factors[j++]
                : (a.factors[i].Atom, Exponent: a.factors[i++].Exponent + b.factors[j++].Exponent);
            if (!factor.Exponent.IsZero)
                product[count++] = factor;
        }

        return new(product[..count]);
    }

    public Rational ExponentOf(Atom atom)
    {
        foreach (var factor in factors)
            if (factor.Atom.Equals(atom))
                return factor.Exponent;
        return Rational.Zero;
    }

    public Monomial Without(Atom atom) => new([.. factors.Where(f => !f.Atom.Equals(atom))]);

    public Monomial Where(Func<Atom, bool> keep) => new([.. factors.Where(f => keep(f.Atom))]);

    /// <summary>Each exponent times the same number.</summary>
    public Monomial Raised(Rational power) => power.IsZero ? One : new([.. factors.Select(f => (f.Atom, f.Exponent * power))]);

    public int Order(Monomial? other)
    {
        if (other is null)
            return 1;
        for (var i = 0; i < Math.Min(factors.Length, other.factors.Length); i++)
        {
            var order = factors[i].Atom.Order(other.factors[i].Atom);
            if (order == 0)
                order = -factors[i].Exponent.Order(other.factors[i].Exponent);
            if (order != 0)
                return order;
        }

        return other.factors.Length.CompareTo(factors.Length);
    }

    public bool Equals(Monomial? other) => other is not null && Order(other) == 0;

    public override bool Equals(object? obj) => Equals(obj as Monomial);

    public override int GetHashCode() => factors.Length == 0 ? 0 : factors[0].Atom.GetHashCode();

    public void Append(StringBuilder text)
    {
        foreach (var (atom, exponent) in factors)
        {
            text.Append('*').Append(atom.Key);
            if (!exponent.IsOne)
                text.Append('^').Append(exponent);
        }
    }

    /// <summary>A number's atom, its exponent split into what is rational and what is not.</summary>
    internal static bool SplitNumber(Atom atom, Rational exponent, out BigInteger whole)
    {
        whole = exponent.Floor();
        return atom.Kind == AtomKind.Number && !whole.IsZero && BigInteger.Abs(whole) * atom.Number.GetBitLength() <= Budget.MaxBits;
    }
}
