using G2RL.Onnx.Problems.Generated;

namespace G2RL.Onnx.Tests;

/// <summary>What expressions and examples keep to: their bound, their sizes, their side of the split, the mistakes people make.</summary>
[TestClass]
public sealed class ArithmeticExamplesTests
{
    [TestMethod]
    public void Prompts_WithoutParentheses_HoldAsManyNumbersAsAsked()
    {
        var set = new Arithmetic(new ArithmeticSettings { Parentheses = false, MinOperands = 2, MaxOperands = 2 });
        foreach (var problem in set.Batch(0, 100, 1))
            Assert.HasCount(2, problem.Prompt.TrimEnd('=').Split('+', '-', '*'), problem.Prompt);
    }

    [TestMethod]
    public void Results_UpToTheBoundAndDownToIt_AreGood()
    {
        var sums = new Arithmetic(new ArithmeticSettings { MaxOperands = 2, MaxOperand = 9, Bound = 9, Operators = "+" });
        Assert.AreEqual(9, sums.Batch(0, 200, 1).Max(p => Number(p.Answer)));
        var differences = new Arithmetic(new ArithmeticSettings { MinOperands = 4, MaxOperand = 9, Bound = 9, Operators = "-" });
        var written = differences.Batch(0, 200, 1).SelectMany(p => Arithmetic.Solution(p).Split('=', '(', ')'));
        Assert.AreEqual(-9, written.Select(w => w.Split('-')).Where(w => w.Length == 2 && w[0].Length == 0).Min(w => -Number(w[1])));
        foreach (var set in new[] { sums, differences })
        {
            Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => set.HeldOut(-1));
            Assert.AreEqual("count", Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => set.Batch(0, -1, 1)).ParamName);
        }
    }

    private static long Number(string text) => ArithmeticExpression.TryInteger(text, out var value) ? value : 0;

    // Changed, it would show what was held out to training, in sets that are in use.
    [TestMethod]
    public void IsHeldOut_OneExpressionInTen_IsTheSameForAllTime()
    {
        var texts = Enumerable.Range(0, 1_000).Select(i => $"{i / 40}+{i % 40}").ToArray();
        Assert.AreEqual(100, texts.Count(Arithmetic.IsHeldOut), 30.0, "binomial: sd 9.5");
        // ProblemRandomTests has its hash from elsewhere: 6271458253528551783 is no multiple of 10.
        Assert.IsFalse(Arithmetic.IsHeldOut("17+5*(9-3)"));
        CollectionAssert.AreEqual(new[] { "0+0", "0+7", "0+8", "0+33", "1+11" }, texts.Where(Arithmetic.IsHeldOut).Take(5).ToArray());
        Assert.IsFalse(Enumerable.Range(0, 1_000).Any(i => Arithmetic.IsHeldOut($"{i}")), "a number alone is no expression");
    }

    [TestMethod]
    public void Settings_WithOneExpression_AreGoodWhereItIsTrainedOn()
    {
        var value = Enumerable.Range(1, 99).First(v => !Arithmetic.IsHeldOut($"{v}+{v}"));
        var set = new Arithmetic(Alone(value));
        Assert.AreEqual($"{value}+{value}=", set.Batch(0, 1, 1)[0].Prompt);
        var held = Enumerable.Range(1, 99).First(v => Arithmetic.IsHeldOut($"{v}+{v}"));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new Arithmetic(Alone(held))).Message, "Raise problems.settings.bound");

        static ArithmeticSettings Alone(int v) => new() { MaxOperands = 2, MinOperand = v, MaxOperand = v, Operators = "+" };
    }

    [TestMethod]
    public void Example_WrongAtEachStep_IsOffByOneTwoOrTen()
    {
        var wide = Mistakes(new() { ErrorRate = 1, Bound = 9_999 });
        CollectionAssert.AreEquivalent(new long[] { -10, -2, -1, 1, 2, 10 }, wide.Select(m => m.Off).Distinct().ToArray());
        var narrow = Mistakes(new() { ErrorRate = 1, MaxOperand = 9, Bound = 9 });
        Assert.IsTrue(narrow.All(m => Math.Abs(m.Off) is 1 or 2 or 10), "none is pulled back into the bound");
        Assert.AreEqual(9, narrow.Max(m => Math.Abs(m.Result)));
        Assert.IsTrue(narrow.Any(m => !m.IsLast && Math.Abs(m.Result) == 9));
    }

    // Of each step of 500 examples what is written, what that is off by, and whether it ends the solution.
    private static List<(long Result, long Off, bool IsLast)> Mistakes(ArithmeticSettings settings)
    {
        var set = new Arithmetic(settings);
        var found = new List<(long, long, bool)>();
        for (var i = 0L; i < 500; i++)
        {
            var (prompt, solution) = set.Example(3, i);
            var texts = (prompt + solution).Split('=');
            for (var s = 0; s + 1 < texts.Length; s++)
            {
                Assert.IsTrue(ArithmeticExpression.TryParse(texts[s], out var from));
                // Whatever is written in its place, the operation is the first whose numbers are known.
                long right = 0;
                var places = from.Reduce((op, a, b) => right = ArithmeticExpression.Apply(op, a, b));
                var result = Written(places.ToString(), texts[s + 1], right);
                found.Add((result, result - right, s + 2 == texts.Length));
            }
        }

        return found;
    }

    // The number of the next text that stands where the right one would: the two texts differ there alone.
    private static long Written(string expected, string actual, long right)
    {
        for (var off = -10; off <= 10; off++)
            if (off is 1 or -1 or 2 or -2 or 10 or -10 && Replaced(expected, right, right + off).Contains(actual))
                return right + off;
        Assert.Fail($"{actual} is no mistake of {expected}");
        return 0;
    }

    private static IEnumerable<string> Replaced(string text, long from, long to)
    {
        var number = $"{from}";
        for (var at = text.IndexOf(number, StringComparison.Ordinal); at >= 0; at = text.IndexOf(number, at + 1, StringComparison.Ordinal))
            yield return $"{text[..at]}{to}{text[(at + number.Length)..]}";
    }
}
