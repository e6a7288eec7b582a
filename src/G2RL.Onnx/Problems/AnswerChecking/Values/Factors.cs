using System.Numerics;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Splits integers into primes, as far as trial division goes.</summary>
internal static class Factors
{
    private const int LargestDivisor = 1 << 12;

    /// <summary>
    /// The prime powers of a positive integer, smallest first. What is left after trial division stays in one piece, or as a power of one
    /// when it is
    /// a square or a cube; null when the budget is spent.
    /// </summary>
    public static List<(BigInteger Base, int Exponent)>? Of(BigInteger value, Budget budget)
    {
        var found = new List<(BigInteger, int)>();
        var words = 1 + (value.GetBitLength() / 64);
        for (var divisor = 2; divisor < LargestDivisor && !value.IsOne; divisor += divisor == 2 ? 1 : 2)
        {
            if ((divisor & 63) < 2 && !budget.Spend(32 * words))
                return null;
            if ((long)divisor * divisor > value)
                break;
            var exponent = 0;
            while (true)
            {
                var quotient = BigInteger.DivRem(value, divisor, out var rest);
                if (!rest.IsZero)
                    break;
                if (!budget.Spend(words))
                    return null;
                value = quotient;
                exponent++;
            }

            if (exponent > 0)
                found.Add((divisor, exponent));
        }

        if (value.IsOne)
            return found;
        // Composite leftovers are at least LargestDivisor squared; a smaller one is prime.
        foreach (var root in (ReadOnlySpan<int>)[2, 3, 5])
        {
            if (value > LargestDivisor && Root(value, root, budget) is { } whole)
            {
                found.Add((whole, root));
                return found;
            }
        }

        found.Add((value, 1));
        return found;
    }

    /// <summary>Whether trial division has shown that it is a prime.</summary>
    public static bool IsProvenPrime(BigInteger value) => value < (long)LargestDivisor * LargestDivisor;

    /// <summary>The whole root of a positive integer, or null when there is none.</summary>
    public static BigInteger? Root(BigInteger value, int degree, Budget budget)
    {
        var bits = value.GetBitLength();
        if (!budget.Spend(1 + (bits * bits / 4096)))
            return null;
        // Newton's iteration from above; it falls until it reaches the floor of the root.
        var guess = BigInteger.One << (int)((bits / degree) + 1);
        while (true)
        {
            var next = (((degree - 1) * guess) + (value / BigInteger.Pow(guess, degree - 1))) / degree;
            if (next >= guess)
                break;
            guess = next;
        }

        return BigInteger.Pow(guess, degree) == value ? guess : null;
    }
}
