using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Brings a product of atoms into normal form: i^2 = -1, whole powers of numbers into the coefficient, whole powers of radicands
/// multiplied out.</summary>
internal static class Reduction
{
    private const int LargestExpansion = 64;

    /// <summary>The normal form of coefficient times monomial; null when the budget is spent.</summary>
    public static Polynomial? Reduce(Rational coefficient, Monomial monomial, Budget budget)
    {
        if (!NeedsWork(monomial))
            return Polynomial.Of(coefficient, monomial);
        var kept = new List<(Atom, Rational)>();
        Polynomial? expanded = null;
        foreach (var (atom, exponent) in monomial.Factors)
        {
            var rest = exponent;
            switch (atom.Kind)
            {
                case AtomKind.Number when IsLarge(atom, exponent):
                    if (!Gather(ref coefficient, atom, ref rest, budget))
                        return null;
                    break;
                case AtomKind.Number when Monomial.SplitNumber(atom, exponent, out var whole):
                    if (!budget.SpendBits((long)(BigInteger.Abs(whole) * atom.Number.GetBitLength())))
                        return null;
                    var power = BigInteger.Pow(atom.Number, (int)BigInteger.Abs(whole));
                    coefficient = whole.Sign > 0 ? coefficient * power : coefficient / power;
                    rest = exponent - whole;
                    break;
                case AtomKind.I when exponent.IsInteger:
                    var turns = (int)(((exponent.Numerator % 4) + 4) % 4);
                    if (turns >= 2)
                        coefficient = -coefficient;
                    rest = turns % 2;
                    break;
                case AtomKind.Root when exponent.Floor() is { Sign: > 0 } times && times <= LargestExpansion:
                    expanded = Polynomial.Multiply(expanded ?? Polynomial.One, Polynomial.Power(atom.Radicand, (int)times, budget), budget);
                    if (expanded is null)
                        return null;
                    rest = exponent - times;
                    break;
            }

            if (!rest.IsZero)
                kept.Add((atom, rest));
        }

        if (coefficient.Bits > 2 * Budget.MaxBits)
        {
            budget.Refuse();
            return null;
        }

        var reduced = Polynomial.Of(coefficient, new Monomial([.. kept]));
        return expanded is null ? reduced : Polynomial.Multiply(reduced, expanded, budget);
    }

    // Beyond what is written out.
    private static bool IsLarge(Atom atom, Rational exponent) =>
        atom.Kind == AtomKind.Number && !exponent.Floor().IsZero && !Monomial.SplitNumber(atom, exponent, out _);

    // 2 * 2^100000 is 2^100001: the power takes its base from the coefficient.
    private static bool Gather(ref Rational coefficient, Atom atom, ref Rational exponent, Budget budget)
    {
        foreach (var sign in (ReadOnlySpan<int>)[1, -1])
        {
            var part = sign > 0 ? coefficient.Numerator : coefficient.Denominator;
            while (budget.SpendBits(part.GetBitLength()) && (part % atom.Number).IsZero)
            {
                part /= atom.Number;
                exponent += sign;
            }

            coefficient = sign > 0 ? new(part, coefficient.Denominator) : new(coefficient.Numerator, part);
        }

        return !budget.Exhausted;
    }

    private static bool NeedsWork(Monomial monomial)
    {
        foreach (var (atom, exponent) in monomial.Factors)
        {
            if (atom.Kind switch
            {
                AtomKind.Number => !exponent.Floor().IsZero,
                AtomKind.I => !exponent.IsOne && exponent.IsInteger,
                AtomKind.Root => exponent.Floor() is { Sign: > 0 } times && times <= LargestExpansion,
                _ => false,
            })
            {
                return true;
            }
        }

        return false;
    }
}
