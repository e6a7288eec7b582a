using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Generated;

namespace G2RL.Onnx.Tests;

/// <summary>How countdown problems are drawn and told apart: by rules that must not change from version to version.</summary>
[TestClass]
public sealed class CountdownDrawTests
{
    private static readonly Countdown Default = new(new CountdownSettings());

    // Drawn by the same rules in another language, with fractions of unlimited size.
    [TestMethod]
    public void Draws_OfTheDefaultSettings_AreThoseOfAnIndependentComputation()
    {
        Assert.AreEqual(
            "countdown/2,2,8,8:10 2,8,2,8:10= 2+8|countdown/1,1,2,3,7:9 1,1,3,7,2:9= 1+1+7|countdown/2,4,7,8:17 2,8,7,4:17= 2+8+7",
            Text(Default.HeldOut(3)));
        Assert.AreEqual(
            "countdown/3,3,3,8,9:68 3,3,3,8,9:68= 9*8-3-3/3|countdown/1,5,7,8:64 5,7,8,1:64= 8*(1+7)|"
                + "countdown/4,8,10,12:6 12,10,8,4:6= 10-4",
            Text(Default.Batch(0, 3, 1)));

        static string Text(IEnumerable<Problem> problems) => string.Join('|', problems.Select(p => $"{p.Id} {p.Prompt} {p.Answer}"));
    }

    [TestMethod]
    public void IsHeldOut_IsATenthByAFixedHash()
    {
        Assert.IsTrue(Countdown.IsHeldOut([3, 7, 9], 46));
        Assert.IsFalse(Countdown.IsHeldOut([3, 7, 9], 42));
        Assert.AreEqual(89, Enumerable.Range(0, 1000).Count(target => Countdown.IsHeldOut([1, 2, 3], target)));
        Assert.AreEqual("3,7,9:42", new CountdownPrompt([9, 3, 7], 42).Key);
    }

    // Numbers 0 and 1 are the same problem, 2 and 3 are, and so on.
    [TestMethod]
    public void DistinctDraws_CountTheirDrawsAndLeaveOutRepeats()
    {
        foreach (var draw in new Func<int, Func<Problem, string>, Func<ulong, Problem>, List<Problem>>[]
        {
            DistinctDraws.Exactly, DistinctDraws.AtMost,
        })
        {
            var asked = new List<ulong>();
            var drawn = draw(3, p => p.Id, number =>
            {
                asked.Add(number);
                return new($"{number / 2}", "", "");
            });
            Assert.AreEqual("0 1 2", string.Join(' ', drawn.Select(p => p.Id)));
            Assert.AreEqual("0 1 2 3 4", string.Join(' ', asked));
        }
    }

    // Every tree over the numbers and operators, in their order, with the value that it has by hand; null is none, or no whole one.
    [TestMethod]
    [DataRow("2 3 4", "++", "2+3+4=9")]
    [DataRow("3 2 2", "*-", "3*2-2=4 3*(2-2)=0")]
    [DataRow("9999 9999 9999", "*/", "9999*9999/9999=9999")]
    [DataRow("8 4 2", "//", "8/4/2=1 8/(4/2)=4")]
    [DataRow("9 3 2", "-+", "9-3+2=8 9-(3+2)=4")]
    [DataRow("9 3 2", "-*", "9-3*2=3 (9-3)*2=12")]
    // Something divided by zero has no value, and neither has what is divided by that.
    [DataRow("5 3 2 2", "//-", "5/3/2-2= 5/(3/2)-2= 5/3/(2-2)= 5/(3/2-2)=-10 5/(3/(2-2))=")]
    public void Draw_EveryTree_HasItsValueAndNoNeedlessParentheses(string numbers, string operators, string expected)
    {
        int[] given = [.. numbers.Split(' ').Select(int.Parse)];
        var found = new HashSet<string>();
        for (var seed = 0UL; seed < 200; seed++)
        {
            var random = new ProblemRandom(seed, 0);
            var drawn = DrawnExpression.Draw(ref random, given, operators);
            found.Add($"{drawn.Text}={drawn.Whole}");
        }
        CollectionAssert.AreEquivalent(expected.Split(' '), found.ToArray());
    }

    [TestMethod]
    public void Batch_OneOperator_HasProblemsToo()
    {
        var quotients = new Countdown(new CountdownSettings { Operators = "/", MaxNumber = 99 });
        foreach (var problem in quotients.Batch(0, 16, 1))
            Assert.AreEqual(1.0, quotients.Judge(problem, problem.Answer, finished: true).Score, problem.Prompt + problem.Answer);
        var sums = new Countdown(new CountdownSettings { MinCount = 2, MaxCount = 2, MaxNumber = 9, Operators = "+" });
        Assert.HasCount(30, sums.Batch(0, 30, 1).Select(p => p.Id).Distinct(), "some 40 of 45 sums are not held out");
    }

    [TestMethod]
    public void AnswerOf_BlanksBetween_AreLeftOut() =>
        Assert.AreEqual("7*(9-3)", Default.AnswerOf(new("x", "3,7,9:42=", ""), "7 * (9 - 3)"));

    [TestMethod]
    public void Judge_TargetOfZero_IsATarget() =>
        Assert.AreEqual(1.0, Default.Judge(new("x", "3,3:0=", ""), "3-3", finished: true).Score);

    [TestMethod]
    public void Draws_OfANegativeCount_AreRefused()
    {
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => Default.HeldOut(-1));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => Default.Batch(0, -1, 0));
    }

    [TestMethod]
    public void Whole_OfMoreThanNineDigits_IsNone()
    {
        var random = new ProblemRandom(0, 0);
        Assert.AreEqual(999_999_999, DrawnExpression.Draw(ref random, [999_999_999], []).Whole);
        Assert.IsNull(DrawnExpression.Draw(ref random, [1_000_000_000], []).Whole);
    }

    [TestMethod]
    public void Settings_EndsOfTheirRanges_AreGood()
    {
        new CountdownSettings
        {
            MinCount = 2,
            MaxCount = 8,
            MaxNumber = 9999,
            MinTarget = 0,
            MaxTarget = 999_999,
            HeldOutCount = 1,
            ErrorRate = 1,
            Operators = new('+', 32),
        }.Validated();
        new CountdownSettings { MinCount = 2, MaxCount = 2, MinNumber = 7, MaxNumber = 7, MinTarget = 8, MaxTarget = 8 }.Validated();
        foreach (var (settings, fault) in new (CountdownSettings, string)[]
        {
            (new() { ErrorRate = 2 }, "errorRate is 2; it must be 0 to 1."),
            (new() { ErrorRate = -0.5 }, "errorRate is -0.5; it must be 0 to 1."),
            (new() { Operators = "" }, "operators is ''; it must be 1 to 32 of the characters + - * /."),
            (new() { Operators = null! }, "operators is ''; it must be 1 to 32 of the characters + - * /."),
            (
                new() { Operators = new('+', 33) },
                $"operators is '{new string('+', 33)}'; it must be 1 to 32 of the characters + - * /."),
            (new() { MinCount = 6 }, "minCount is 6; it must be 2 to maxCount (5)."),
        })
            Assert.AreEqual(
                $"problems.settings.{fault}", Assert.ThrowsExactly<InputException>(() => settings.Validated()).Message);
    }
}
