using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Work within every budget: what is given is exact, and what is not given is said to be over budget.</summary>
[TestClass]
public sealed class BudgetTests
{
    [TestMethod]
    public void Spend_TheLastStep_IsStillThere()
    {
        var budget = new Budget(5);
        Assert.IsTrue(budget.Spend(5));
        Assert.AreEqual((5, false), (budget.Spent, budget.Exhausted));
        Assert.IsFalse(budget.Spend(1));
        Assert.IsTrue(budget.Exhausted);
    }

    [TestMethod]
    [DataRow("1", "1+\\sqrt2+\\sqrt3+\\sqrt5", DisplayName = "conjugates")]
    [DataRow("x+1", "x+\\sqrt2+i", DisplayName = "conjugates of what varies")]
    public void Quotient_WithEachBudget_IsWholeOrOverBudget(string above, string below)
    {
        var (a, b) = (Read(above), Read(below));
        var whole = Scalar.Divide(a, b, new(1_000_000))!.Key;
        var steps = 1;
        for (; ; steps++)
        {
            var budget = new Budget(steps);
            var quotient = Scalar.Divide(a, b, budget);
            Assert.AreEqual(budget.Exhausted, quotient is null, $"{steps} steps: {quotient?.Key}");
            if (quotient is null)
                continue;
            Assert.AreEqual(whole, quotient.Key);
            break;
        }
        Assert.IsGreaterThan(1, steps);
    }

    // A sum of 18 roots is too long to leave a denominator: it would take 2^17 terms.
    [TestMethod]
    public void Rationalization_OfALongSum_LeavesItBelow()
    {
        int[] primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61];
        string Inverse(IEnumerable<int> of) => "\\frac{1}{" + string.Join('+', of.Select(p => $"\\sqrt{{{p}}}")) + "}";
        var math = AnswerPolicy.All["math"];
        var result = math.Check($"\\boxed{{{Inverse(primes.Reverse())}}}", Inverse(primes));
        Assert.AreEqual(Verdict.Right, result.Verdict);
        Assert.IsLessThan(5_000, result.Steps);
        StringAssert.StartsWith(math.Canonical(Inverse(primes)), "[1]/[");
    }

    // The last square of a power is of no use, and the largest.
    [TestMethod]
    public void Power_OfASum_TakesNoSquareTooMany() =>
        Assert.IsLessThan(33_333, AnswerPolicy.All["math"].Check("\\boxed{(1+d+c+b+a)^4}", "(a+b+c+d+1)^4").Steps);

    private static Scalar Read(string text) => ((ScalarValue)Answer.Read(text, new(100_000))!.Value!).Scalar;
}
