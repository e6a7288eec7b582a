using System.Numerics;
using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Exact numbers, their factors and roots, and what work costs.</summary>
[TestClass]
public sealed class NumberTests
{
    [TestMethod]
    public void ToDouble_OfAnySize_IsTheNearest()
    {
        foreach (var (a, b) in new[] { (1, 3), (2, 3), (-1, 10), (7, 1), (0, 1), (-22, 7) })
            Assert.AreEqual((double)a / b, new Rational(a, b).ToDouble());
        var (large, larger) = (BigInteger.Pow(10, 400), BigInteger.Pow(10, 403));
        Assert.AreEqual(1000, new Rational(larger, large).ToDouble());
        Assert.AreEqual(2000 / 3.0, new Rational(2 * larger, 3 * large).ToDouble(), 1e-12);
        Assert.AreEqual(1.5e-3, new Rational(3 * large, 2 * larger).ToDouble(), 1e-18);
        Assert.AreEqual(-1.5e-3, new Rational(-3 * large, 2 * larger).ToDouble(), 1e-18);
        Assert.AreEqual(1, new Rational(large + 1, large).ToDouble());
        Assert.AreEqual(double.PositiveInfinity, new Rational(large, 3).ToDouble());
        Assert.AreEqual(0, new Rational(3, large).ToDouble());
        var wide = BigInteger.Pow(10, 200);
        Assert.AreEqual(1 / 3.0, new Rational(wide + 1, 3 * wide).ToDouble(), 1e-15);
        Assert.AreEqual(3, new Rational((3 * wide) + 1, wide).ToDouble(), 1e-14);
        Assert.AreEqual(1, new Rational(1, BigInteger.Pow(10, 305)).ToDouble() / 1e-305, 1e-15);
    }

    [TestMethod]
    public void Rational_AsAKey_IsItsValue()
    {
        Assert.IsTrue(new Rational(1, 2).Equals((object)new Rational(2, 4)));
        Assert.IsFalse(new Rational(1, 2).Equals((object)new Rational(1, 3)));
        Assert.IsFalse(new Rational(1, 2).Equals((object)"1/2"));
        Assert.AreEqual(new Rational(1, 2).GetHashCode(), new Rational(-2, -4).GetHashCode());
        Assert.HasCount(64, Enumerable.Range(1, 64).Select(i => new Rational((2 * i) + 1, 2).GetHashCode()).Distinct());
        Assert.AreEqual(new Rational(3, 4), new Rational(-3, 4).Abs());
        Assert.AreEqual(new Rational(3, 4), new Rational(3, 4).Abs());
    }

    [TestMethod]
    [DataRow("1", "")]
    [DataRow("7", "7^1")]
    [DataRow("360", "2^3 3^2 5^1")]
    [DataRow("4093", "4093^1")]
    [DataRow("16752649", "4093^2")] // the largest prime that is divided by
    [DataRow("4099", "4099^1")]
    [DataRow("16801801", "4099^2")]
    [DataRow("33603602", "2^1 4099^2")]
    [DataRow("68870582299", "4099^3")]
    [DataRow("282300516843601", "16801801^2")]
    [DataRow("1157149818541920499", "4099^5")]
    [DataRow("1157149818541920501", "3^2 17^1 7563070709424317^1")]
    [DataRow("16850989", "16850989^1")] // 4099 * 4111
    public void Factors_OfANumber_ArePrimesAsFarAsTheyAreLookedFor(string number, string factors) => Assert.AreEqual(
        factors, string.Join(' ', Factors.Of(BigInteger.Parse(number), new(100_000))!.Select(f => $"{f.Base}^{f.Exponent}")));

    [TestMethod]
    public void Factors_OfALargeNumber_ArePaidFor()
    {
        var large = BigInteger.Pow(10, 1200) + 7;
        var budget = new Budget(33_333);
        Assert.IsNull(Factors.Of(large, budget));
        Assert.IsTrue(budget.Exhausted);
        Assert.IsNotNull(Factors.Of(large, new(1_000_000)));
        // Trial division ends at the square root.
        budget = new(1000);
        Assert.HasCount(1, Factors.Of(101, budget)!);
        Assert.AreEqual(0, budget.Spent);
        Assert.HasCount(1, Factors.Of(64, budget)!);
        Assert.AreEqual(6, budget.Spent);
        Assert.IsTrue(Factors.IsProvenPrime(4099));
        Assert.IsFalse(Factors.IsProvenPrime(4096 * 4096));
    }

    [TestMethod]
    [DataRow("1", 2, "1")]
    [DataRow("2", 2, null)]
    [DataRow("1000006000009", 2, "1000003")]
    [DataRow("1000006000010", 2, null)]
    [DataRow("27", 3, "3")]
    [DataRow("26", 3, null)]
    [DataRow("16807", 5, "7")]
    [DataRow("16806", 5, null)]
    [DataRow("1000000000000000000000000000000", 3, "10000000000")]
    public void Root_OfAWholeNumber_IsWholeOrNone(string number, int degree, string? root) =>
        Assert.AreEqual(root, Factors.Root(BigInteger.Parse(number), degree, new(1000))?.ToString());

    [TestMethod]
    public void Root_OfALargeNumber_IsPaidFor()
    {
        var square = BigInteger.Pow(3, 4000);
        Assert.AreEqual(BigInteger.Pow(3, 2000), Factors.Root(square, 2, new(20_000)));
        Assert.IsNull(Factors.Root(square, 2, new(1000)));
    }

    [TestMethod]
    public void Budget_ThatIsSpent_StaysSpent()
    {
        var budget = new Budget(10);
        Assert.IsTrue(budget.Spend(4));
        Assert.AreEqual(4, budget.Spent);
        Assert.IsFalse(budget.Spend(7));
        Assert.AreEqual(10, budget.Spent);
        Assert.IsFalse(budget.Spend(1));
        Assert.IsTrue(budget.Exhausted);
        budget = new(1000);
        Assert.IsTrue(budget.SpendBits(6400));
        Assert.AreEqual(626, budget.Spent);
        Assert.IsTrue(budget.SpendBits(63));
        Assert.AreEqual(627, budget.Spent);
        Assert.IsFalse(budget.Refuse());
        Assert.IsTrue(budget.Exhausted);
    }

    [TestMethod]
    public void Sum_OfTooManyTerms_IsRefused()
    {
        var terms = Enumerable.Range(0, Budget.MaxTerms + 1)
            .Select(i => Polynomial.Of(Rational.One, Monomial.Of(Atom.OfSymbol($"x_{i:0000}"), Rational.One)))
            .ToList();
        var budget = new Budget(1_000_000);
        Assert.HasCount(Budget.MaxTerms, Polynomial.Sum(terms[1..], budget)!.Terms.ToArray());
        Assert.IsNull(Polynomial.Sum(terms, budget));
        Assert.IsTrue(budget.Exhausted);
        var half = Polynomial.Of(new Rational(BigInteger.Pow(2, Budget.MaxBits + 10), 1));
        Assert.IsNotNull(Polynomial.Add(half, half, new(10_000_000)));
        var whole = Polynomial.Of(new Rational(BigInteger.Pow(2, 2 * Budget.MaxBits), 1));
        Assert.IsNull(Polynomial.Add(whole, whole, new(10_000_000)));
        Assert.IsNull(Polynomial.Add(terms[0], null, budget));
        Assert.IsNull(Polynomial.Multiply(null, terms[0], budget));
    }
}
