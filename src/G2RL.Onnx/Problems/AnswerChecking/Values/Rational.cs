using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>An exact fraction, reduced, its denominator positive.</summary>
internal readonly struct Rational : IEquatable<Rational>
{
    private readonly BigInteger denominatorLessOne;

    public Rational(BigInteger numerator, BigInteger denominator)
    {
        if (!denominator.IsOne)
        {
            var divisor = BigInteger.GreatestCommonDivisor(numerator, denominator);
            if (denominator.Sign < 0)
                divisor = -divisor;
            if (!divisor.IsOne)
                (numerator, denominator) = (numerator / divisor, denominator / divisor);
        }

        (Numerator, denominatorLessOne) = (numerator, denominator - 1);
    }

    public static Rational Zero => default;

    public static Rational One => new(1, 1);

    public static Rational Half => new(1, 2);

    public BigInteger Numerator { get; }

    /// <summary>At least 1. Kept less one, so that the default value is zero.</summary>
    public BigInteger Denominator => denominatorLessOne + 1;

    public bool IsInteger => denominatorLessOne.IsZero;

    public bool IsZero => Numerator.IsZero;

    public bool IsOne => Numerator.IsOne && IsInteger;

    public int Sign => Numerator.Sign;

    /// <summary>Bits of both parts together, rounded up to whole words.</summary>
    public long Bits => Numerator.GetBitLength() + denominatorLessOne.GetBitLength();

    public static implicit operator Rational(int value) => new(value, 1);

    public static implicit operator Rational(BigInteger value) => new(value, 1);

    public static Rational operator -(Rational a) => new(-a.Numerator, a.Denominator);

    public static Rational operator +(Rational a, Rational b) => a.IsInteger && b.IsInteger
        ? new(a.Numerator + b.Numerator, 1)
        : new((a.Numerator * b.Denominator) + (b.Numerator * a.Denominator), a.Denominator * b.Denominator);

    public static Rational operator -(Rational a, Rational b) => a + -b;

    public static Rational operator *(Rational a, Rational b) => a.IsInteger && b.IsInteger
        ? new(a.Numerator * b.Numerator, 1)
        : new(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

    /// <summary>The quotient; <paramref name="b"/> must not be zero.</summary>
    public static Rational operator /(Rational a, Rational b) => new(a.Numerator * b.Denominator, a.Denominator * b.Numerator);

    public static bool operator ==(Rational a, Rational b) => a.Equals(b);

    public static bool operator !=(Rational a, Rational b) => !a.Equals(b);

    /// <summary>1 / this; this must not be zero.</summary>
    public Rational Inverse() => new(Denominator, Numerator);

    public Rational Abs() => Sign < 0 ? -this : this;

    /// <summary>The largest integer that is not above it.</summary>
    public BigInteger Floor()
    {
        var quotient = BigInteger.DivRem(Numerator, Denominator, out var rest);
        return rest.Sign < 0 ? quotient - 1 : quotient;
    }

    /// <summary>The nearest double; infinite when it is too large.</summary>
    public double ToDouble()
    {
        if (Bits < 1000)
            return (double)Numerator / (double)Denominator;
        // Numerator and denominator may each be beyond a double's range while their quotient is not.
        var shift = (int)(Numerator.GetBitLength() - Denominator.GetBitLength());
        var scaled = shift >= 0 ? (double)((Numerator << 64) / (Denominator << shift))
            : (double)(((Numerator << 64) << -shift) / Denominator);
        return Math.ScaleB(scaled, shift - 64);
    }

    public bool Equals(Rational other) => Numerator == other.Numerator && denominatorLessOne == other.denominatorLessOne;

    public override bool Equals(object? obj) => obj is Rational other && Equals(other);

    public override int GetHashCode() => unchecked((Numerator.GetHashCode() * 397) ^ denominatorLessOne.GetHashCode());

    public int Order(Rational other) => (Numerator * other.Denominator).CompareTo(other.Numerator * Denominator);

    public override string ToString() => IsInteger ? Numerator.ToString() : $"{Numerator}/{Denominator}";
}
